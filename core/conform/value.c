// SPDX-License-Identifier: Apache-2.0
/* value.c - see value.h. */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/value.h"

const char *conform_dist_name(uint32_t dist)
{
	static const char *const names[DIST_COUNT] = {
		[DIST_NORMAL] = "normal",       [DIST_WIDE] = "wide",   [DIST_EXTREME] = "extreme",
		[DIST_SUBNORMAL] = "subnormal", [DIST_ZEROS] = "zeros", [DIST_TIES] = "ties",
		[DIST_INTEGERS] = "integers",   [DIST_ALIGN] = "align", [DIST_SPECIAL] = "special",
	};

	return dist < DIST_COUNT ? names[dist] : "unknown";
}

struct conform_key conform_key_of(uint64_t seed, const char *id)
{
	uint64_t h = 0xcbf29ce484222325ull;
	struct conform_key key;

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 0x100000001b3ull;
	h ^= seed * 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	key.k[0] = (uint32_t)h;
	key.k[1] = (uint32_t)(h >> 32);
	return key;
}

/* Two columns share a draw. */
static void draw(struct conform_key key, uint32_t stream, uint32_t row, uint32_t pair,
		 uint64_t out[2])
{
	uint32_t ctr[4] = { pair, row, stream, 0x41494f53u }, x[4];

	aios_philox4x32(ctr, key.k, x);
	out[0] = (uint64_t)x[0] | (uint64_t)x[1] << 32;
	out[1] = (uint64_t)x[2] | (uint64_t)x[3] << 32;
}

uint64_t conform_random(struct conform_key key, uint32_t stream, uint32_t row, uint32_t col)
{
	uint64_t two[2];

	draw(key, stream, row, col / 2, two);
	return two[col & 1];
}

uint32_t conform_below(struct conform_key key, uint32_t stream, uint32_t row, uint32_t col,
		       uint32_t n)
{
	return (uint32_t)aios_mulhi64(conform_random(key, stream, row, col), n);
}

static float power(int32_t e)
{
	return aios_float((uint32_t)(e + 127) << 23);
}

/* Four uniforms, centred; the factor brings the deviation to 1 and the low bits to life. */
static float normal(uint64_t r)
{
	int32_t sum = (int32_t)(r & 0xffff) + (int32_t)(r >> 16 & 0xffff) +
		      (int32_t)(r >> 32 & 0xffff) + (int32_t)(r >> 48);

	return aios_mul((float)(sum - 131070), 0x1.bb67aep-16f);
}

static float tie(uint64_t r)
{
	uint32_t bits = (uint32_t)(r & 0x80000000u) | (uint32_t)(120 + (r >> 32) % 14) << 23;

	switch (r >> 40 & 3) {
	case 0: /* halfway between two bf16 */
		return aios_float(bits | ((uint32_t)r & 0x7f0000u) | 0x8000u);
	case 1: /* halfway between two fp16 */
		return aios_float(bits | ((uint32_t)r & 0x7fe000u) | 0x1000u);
	case 2: /* halves */
		return aios_mul((float)((int32_t)(r >> 44 & 511) - 256), 0.5f);
	default: /* the same few values again and again */
		return aios_mul((float)((int32_t)(r >> 44 & 7) - 4), 0.25f);
	}
}

float conform_value(uint32_t dist, uint64_t r)
{
	static const int8_t apart[8] = { 0, 0, -6, -11, -12, -13, -14, -3 };
	float x = normal(r), sign = (r & 1) ? -1.0f : 1.0f;
	uint32_t pick = (uint32_t)(r >> 7);

	switch (dist) {
	case DIST_WIDE:
		return aios_mul(x, power((int32_t)(pick % 25) - 12));
	case DIST_EXTREME:
		return aios_float(((uint32_t)(r >> 20) & 0x807fffffu) | (1 + pick % 254) << 23);
	case DIST_SUBNORMAL:
		return aios_float((uint32_t)(r >> 20) & 0x807fffffu);
	case DIST_ZEROS:
		return pick % 3 == 0 ? aios_mul(sign, 0.0f) : pick % 3 == 1 ? sign : x;
	case DIST_TIES:
		return tie(r);
	case DIST_INTEGERS:
		return (float)((int32_t)(pick % 17) - 8);
	case DIST_ALIGN:
		return aios_mul(aios_float(((uint32_t)(r >> 20) & 0x807fffffu) | 0x3f800000u),
				power(apart[pick & 7]));
	case DIST_SPECIAL:
		if (pick % 61 == 0)
			return sign * aios_inf();
		return pick % 61 == 1 ? aios_float((uint32_t)r | 0x7f810000u) : x;
	default:
		return x;
	}
}

/* The codes of one byte whose value is subnormal, or any. */
static uint8_t byte_of(uint32_t dist, uint32_t dtype, uint64_t r)
{
	switch (dtype) {
	case AIOS_E4M3:
		if (dist == DIST_SUBNORMAL)
			return (uint8_t)(r >> 24 & 0x87);
		if (dist == DIST_EXTREME) /* any but NaN */
			return (uint8_t)((r >> 24 & 0x7f) == 0x7f ? 0x7e : r >> 24);
		return aios_f32_to_e4m3(conform_value(dist, r));
	case AIOS_I8: /* what quantisation gives: -127 .. 127 */
	case AIOS_I8X2:
		if (dist == DIST_ZEROS || dist == DIST_INTEGERS)
			return (uint8_t)(int8_t)((int32_t)((r >> 24) % 5) - 2);
		if (dist == DIST_EXTREME) /* the largest sums */
			return (uint8_t)(r & 3 ? 0x7f : 0x81);
		return (uint8_t)(int8_t)((int32_t)((r >> 24) % 255) - 127);
	default:
		return (uint8_t)(r >> 24);
	}
}

static uint16_t half_of(uint32_t dist, uint32_t dtype, uint64_t r)
{
	uint16_t code = (uint16_t)(r >> 24);

	if (dist == DIST_SUBNORMAL)
		return dtype == AIOS_BF16 ? code & 0x807f : code & 0x83ff;
	if (dist == DIST_EXTREME && dtype == AIOS_F16)
		return (code & 0x7c00) == 0x7c00 ? code & 0xbfff : code;
	return dtype == AIOS_BF16 ? aios_f32_to_bf16(conform_value(dist, r)) :
				    aios_f32_to_f16(conform_value(dist, r));
}

static void put(uint32_t dist, uint32_t dtype, uint64_t r, uint32_t i, void *dst)
{
	switch (dtype) {
	case AIOS_F32:
		((float *)dst)[i] = conform_value(dist, r);
		break;
	case AIOS_BF16:
	case AIOS_F16:
		((uint16_t *)dst)[i] = half_of(dist, dtype, r);
		break;
	case AIOS_I32:
		((int32_t *)dst)[i] = (int32_t)(r >> 33);
		break;
	case AIOS_I64:
	case AIOS_F64:
		((uint64_t *)dst)[i] = r;
		break;
	default:
		((uint8_t *)dst)[i] = byte_of(dist, dtype, r);
		break;
	}
}

void conform_fill_row(struct conform_key key, uint32_t stream, uint32_t row, uint32_t dist,
		      uint32_t dtype, uint32_t cols, void *dst)
{
	uint64_t two[2];

	for (uint32_t i = 0; i < cols; i += 2) {
		draw(key, stream, row, i / 2, two);
		put(dist, dtype, two[0], i, dst);
		if (i + 1 < cols)
			put(dist, dtype, two[1], i + 1, dst);
	}
}
