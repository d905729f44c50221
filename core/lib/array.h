/* SPDX-License-Identifier: Apache-2.0 */
/* array.h - growable arrays and overflow-checked sizes for the core. */
#ifndef CORE_LIB_ARRAY_H
#define CORE_LIB_ARRAY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Make room for `need` elements of `elem` bytes in *items (capacity *cap):
 * doubles. 0 or -ENOMEM, leaving the array as it was.
 */
static inline int array_reserve(void **items, size_t *cap, size_t need, size_t elem)
{
	size_t n = *cap ? *cap : 16;
	void *p;

	if (need <= *cap)
		return 0;
	while (n < need) {
		if (n > SIZE_MAX / 2)
			return -ENOMEM;
		n *= 2;
	}
	if (n > SIZE_MAX / elem)
		return -ENOMEM;
	p = realloc(*items, n * elem);
	if (!p)
		return -ENOMEM;
	*items = p;
	*cap = n;
	return 0;
}

/* True when a * b does not fit; else the product in *out. */
static inline bool mul_overflow(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_mul_overflow(a, b, out);
}

/* v rounded up to a multiple of align (a power of two). */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

#endif /* CORE_LIB_ARRAY_H */
