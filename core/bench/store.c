// SPDX-License-Identifier: Apache-2.0
/*
 * store.c - random numbers in device memory. Made once on the host and copied about
 * on the device: gigabytes of operands take neither host memory nor the bus.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/bench/bench.h"

#define ELEMENTS_MOST (1u << 20) /* of a block; both powers of two */
#define ELEMENTS_LEAST (1u << 14)
#define STEP 16 /* copies begin at multiples of so many elements: 32 bytes or more */

static const uint32_t kinds[] = { AIOS_F32, AIOS_F16, AIOS_BF16 };

enum {
	KINDS = sizeof(kinds) / sizeof(kinds[0])
};

/* Steele, Lea, Flood (2014): SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Box and Muller (1958). */
static void fill_normal(float *out, uint32_t n, uint64_t seed)
{
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		double u = ((double)(next_random(&seed) >> 11) + 1.0) * 0x1p-53;
		double v = (double)(next_random(&seed) >> 11) * 0x1p-53 * 6.283185307179586;
		double r = sqrt(-2.0 * log(u));

		out[i] = (float)(r * cos(v));
		out[i + 1] = (float)(r * sin(v));
	}
}

static void convert(const float *in, uint32_t n, uint32_t dtype, void *out)
{
	if (dtype == AIOS_F32)
		memcpy(out, in, n * sizeof(*in));
	for (uint32_t i = 0; i < n && dtype == AIOS_BF16; i++)
		((uint16_t *)out)[i] = aios_f32_to_bf16(in[i]);
	for (uint32_t i = 0; i < n && dtype == AIOS_F16; i++)
		((uint16_t *)out)[i] = aios_f32_to_f16(in[i]);
}

static int upload(struct bench_store *s, struct queue *queue, const float *numbers, void *host,
		  struct aios_status *st)
{
	aios_addr at = s->mem.addr;
	uint64_t bytes;
	int rc = 0;

	for (size_t i = 0; i < KINDS && rc == 0; i++) {
		bytes = (uint64_t)s->elements * aios_dtype_bytes(kinds[i]);
		convert(numbers, s->elements, kinds[i], host);
		rc = queue_upload(queue, at, host, bytes, st);
		if (rc == 0)
			rc = queue_sync(queue, BENCH_SYNC_NS, st);
		s->block[kinds[i]] = at;
		at += bytes;
	}
	return rc;
}

int bench_store_init(struct bench_store *s, struct queue *queue, uint64_t seed, uint64_t rotate,
		     struct aios_status *st)
{
	uint32_t n = ELEMENTS_MOST;
	float *numbers;
	uint64_t bytes = 0;
	void *host;
	int rc = 0;

	while (n > ELEMENTS_LEAST && n > rotate / 8)
		n /= 2;
	memset(s, 0, sizeof(*s));
	s->elements = n;
	numbers = malloc(n * sizeof(*numbers));
	host = malloc(n * sizeof(*numbers));
	for (size_t i = 0; i < KINDS; i++)
		bytes += (uint64_t)s->elements * aios_dtype_bytes(kinds[i]);
	if (!numbers || !host)
		rc = aios_fail(st, -ENOMEM, "no host memory for random numbers");
	if (rc == 0)
		rc = device_alloc(queue->device, AIOS_HEAP_DEVICE, bytes, "random numbers", &s->mem,
				  st);
	if (rc == 0) {
		fill_normal(numbers, s->elements, seed);
		rc = upload(s, queue, numbers, host, st);
	}
	if (rc < 0)
		bench_store_finish(s, queue->device);
	free(host);
	free(numbers);
	return rc;
}

void bench_store_finish(struct bench_store *s, struct device *dev)
{
	if (s->mem.addr)
		device_free(dev, &s->mem);
	memset(s, 0, sizeof(*s));
}

int bench_store_fill(struct aios_bench *b, aios_addr dst, uint32_t dtype, uint64_t bytes,
		     struct aios_status *st)
{
	struct bench_store *s = &b->store;
	uint32_t size = aios_dtype_bytes(dtype), n = s->elements;
	uint64_t from, room;
	int rc = 0;

	/* A golden section of the block further each time: neighbours differ. */
	s->at = (s->at + (uint64_t)(n * 0.618)) & (n - STEP);
	from = s->at;
	for (uint64_t done = 0; done < bytes && rc == 0; done += room) {
		room = (n - from) * size;
		if (room > bytes - done)
			room = bytes - done;
		rc = bench_copy(b, dst + done, s->block[dtype] + from * size, room, st);
		from = 0;
	}
	return rc;
}
