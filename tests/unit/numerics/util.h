/* SPDX-License-Identifier: Apache-2.0 */
/*
 * util.h - shared by the numerics suites: counter-based inputs, errors in ulp,
 * digests. Nothing here uses the code under test except the bit casts.
 */
#ifndef TESTS_NUMERICS_UTIL_H
#define TESTS_NUMERICS_UTIL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/numerics.h>

/* SplitMix64 of a counter: the i-th 64-bit input of stream `stream`. */
static inline uint64_t test_random(uint64_t stream, uint64_t i)
{
	uint64_t z = stream * 0xd1342543de82ef95u + (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/*
 * The i-th float of a stream, a mix: of each 8 five of everyday size (exact dyadic
 * rationals in (-16, 16)), one of any exponent, one of any bits, one special.
 */
static inline float test_float(uint64_t stream, uint64_t i)
{
	static const uint32_t special[16] = {
		0x00000000u, 0x80000000u, 0x3f800000u, 0xbf800000u, 0x7f800000u, 0xff800000u,
		0x7fc00000u, 0xffc12345u, 0x7f800001u, 0x00000001u, 0x807fffffu, 0x00800000u,
		0x7f7fffffu, 0xff7fffffu, 0x3effffffu, 0x4b400000u,
	};
	uint64_t r = test_random(stream, i);
	uint32_t u = (uint32_t)(r >> 8);

	switch (r & 7) {
	case 5:
		return aios_float((u & 0x807fffffu) | ((uint32_t)((r >> 40) % 254 + 1) << 23));
	case 6:
		return aios_float(u);
	case 7:
		return aios_float(special[(r >> 44) & 15]);
	default:
		return (float)(int32_t)(u & 0xffffffu) * 0x1p-19f - 16.0f;
	}
}

/* Distance of `got` from `want` in units of fp32's last place at `want`. */
static inline double test_ulp(float got, double want)
{
	int e;

	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got) ? 0 : INFINITY;
	if (isinf(got) || isinf(want))
		return (double)got == want ? 0 : INFINITY;
	frexp(want, &e);
	e = e - 1 < -126 ? -126 : e - 1;
	return fabs((double)got - want) / ldexp(1.0, e - 23);
}

/* FNV-1a, 64 bits. Start with TEST_DIGEST; feed values, not memory, so that byte order is fixed. */
#define TEST_DIGEST 0xcbf29ce484222325u

static inline uint64_t test_digest64(uint64_t h, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		h = (h ^ ((v >> (8 * i)) & 255u)) * 0x100000001b3u;
	return h;
}

/* Digest of an fp32 result as an op would store it. */
static inline uint64_t test_digest_f32(uint64_t h, float x)
{
	return test_digest64(h, aios_bits(aios_canon(x)), 4);
}

#endif /* TESTS_NUMERICS_UTIL_H */
