// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "core/lib/array.h"
#include "core/mm/arena.h"

void mm_arena_init_dry(struct mm_arena *a, const char *what)
{
	memset(a, 0, sizeof(*a));
	a->what = what;
}

int mm_arena_init(struct mm_arena *a, struct device *dev, uint32_t heap, uint64_t bytes,
		  const char *what, struct aios_status *st)
{
	int rc = 0;

	mm_arena_init_dry(a, what);
	if (bytes > 0)
		rc = device_alloc(dev, heap, bytes, what, &a->mem, st);
	if (rc < 0)
		return rc;
	a->device = device_get(dev);
	return 0;
}

void mm_arena_finish(struct mm_arena *a)
{
	if (!a->device)
		return;
	device_free(a->device, &a->mem);
	device_put(a->device);
	memset(a, 0, sizeof(*a));
}

int mm_arena_alloc(struct mm_arena *a, uint64_t bytes, aios_addr *out, struct aios_status *st)
{
	uint64_t size = align_up(bytes, MM_ALIGN);

	if (size < bytes || a->used > UINT64_MAX - size)
		return aios_fail(st, -EOVERFLOW, "%s: %" PRIu64 " bytes are more than 2^64",
				 a->what, bytes);
	if (a->device && (size > a->mem.bytes || a->used > a->mem.bytes - size))
		return aios_fail(st, -ENOMEM,
				 "internal error: %s was planned with %" PRIu64
				 " bytes and needs %" PRIu64 " more than the %" PRIu64 " in use",
				 a->what, a->mem.bytes, size, a->used);
	*out = (a->device ? a->mem.addr : MM_ALIGN) + a->used;
	a->used += size;
	if (a->used > a->peak)
		a->peak = a->used;
	return 0;
}

int mm_arena_tensor(struct mm_arena *a, uint32_t dtype, uint32_t rows, uint32_t cols,
		    struct aios_tensor *out, struct aios_status *st)
{
	uint64_t bytes;
	int rc;

	memset(out, 0, sizeof(*out));
	bytes = tensor_rows(out, dtype, rows, cols);
	rc = mm_arena_alloc(a, bytes, &out->data, st);
	if (rc == 0 && aios_dtype_scaled(dtype))
		rc = mm_arena_alloc(a, (uint64_t)rows * sizeof(float), &out->scale, st);
	return rc;
}
