// SPDX-License-Identifier: Apache-2.0
/*
 * test_mm.c - device wrappers, arenas, pools and pages, on a device whose memory
 * is the host's and whose calls fail when told to.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/device.h"
#include "core/mm/arena.h"
#include "core/mm/pages.h"
#include "core/mm/pool.h"

#include "mock_device.h"

Suite *test_mm_suite(void);

START_TEST(test_accounting)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	const struct device_heap *h = &dev->heaps[AIOS_HEAP_DEVICE];
	struct aios_mem a, b;
	struct aios_status st;

	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, 1000, "a", &a, &st), 0);
	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, 500, "b", &b, &st), 0);
	ck_assert_uint_eq(h->used, 1500);
	device_free(dev, &a);
	ck_assert_uint_eq(h->used, 500);
	ck_assert_uint_eq(h->peak, 1500);
	ck_assert_uint_eq(h->allocs, 2);
	ck_assert_uint_eq(a.addr, 0);
	device_free(dev, &a); /* a freed block is a zeroed one */
	device_free(dev, &b);
	ck_assert_uint_eq(h->used, 0);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_budget_is_a_result)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct aios_mem a, b;
	struct aios_status st;

	device_set_budget(dev, AIOS_HEAP_DEVICE, 1000);
	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, 800, "the first", &a, &st), 0);
	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, 300, "the second", &b, &st),
			 -AIOS_OVER_BUDGET);
	ck_assert_ptr_nonnull(strstr(st.message, "no room for the second: 300 bytes wanted"));
	ck_assert_ptr_nonnull(strstr(st.message, "800 of the budget of 1000 taken"));
	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, UINT64_MAX, "all", &b, &st),
			 -AIOS_OVER_BUDGET);
	ck_assert_uint_eq(b.addr, 0);
	device_free(dev, &a);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_exhausted_names_the_need)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct aios_mem a;
	struct aios_status st;

	mock.fail_alloc = 1;
	ck_assert_int_eq(device_alloc(dev, AIOS_HEAP_DEVICE, 4096, "the weights", &a, &st),
			 -AIOS_EXHAUSTED);
	ck_assert_ptr_nonnull(strstr(st.message, "no room for the weights: 4096 bytes wanted"));
	ck_assert_str_eq(st.where, "driver mock: mem_alloc");
	ck_assert_uint_eq(dev->heaps[AIOS_HEAP_DEVICE].used, 0);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_lost_is_sticky)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct aios_status st;
	struct queue q;
	char byte = 0;

	ck_assert_int_eq(queue_open(dev, &q, &st), 0);
	mock.lose = true;
	ck_assert_int_eq(queue_upload(&q, (aios_addr)(uintptr_t)&byte, &byte, 1, &st),
			 -AIOS_DEVICE_LOST);
	mock.lose = false;
	ck_assert_int_eq(queue_upload(&q, (aios_addr)(uintptr_t)&byte, &byte, 1, &st),
			 -AIOS_DEVICE_LOST);
	ck_assert_ptr_nonnull(strstr(st.message, "was lost"));
	ck_assert_int_eq(device_reset(dev, &st), -ENOSYS);
	queue_close(&q);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_arena_plan_is_exact)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct mm_arena dry, real;
	struct aios_tensor t;
	struct aios_status st;
	aios_addr a;

	mm_arena_init_dry(&dry, "test");
	ck_assert_int_eq(mm_arena_alloc(&dry, 1, &a, &st), 0);
	ck_assert_uint_ne(a, 0);
	ck_assert_int_eq(mm_arena_tensor(&dry, AIOS_I8X2, 3, 20, &t, &st), 0);
	/* 1 byte; two planes of 3 rows of 32 bytes; 3 scales */
	ck_assert_uint_eq(dry.peak, 256 + 2 * 256 + 256);
	ck_assert_int_eq(mm_arena_init(&real, dev, AIOS_HEAP_DEVICE, dry.peak, "test", &st), 0);
	ck_assert_int_eq(mm_arena_alloc(&real, 1, &a, &st), 0);
	ck_assert_uint_eq(a, real.mem.addr);
	ck_assert_int_eq(mm_arena_tensor(&real, AIOS_I8X2, 3, 20, &t, &st), 0);
	ck_assert_uint_eq(t.row_bytes, 32);
	ck_assert_uint_eq(t.plane_bytes, 256);
	ck_assert_uint_eq(t.scale, real.mem.addr + 256 + 512);
	ck_assert_uint_eq(real.used, dry.used);
	ck_assert_int_eq(mm_arena_alloc(&real, 1, &a, &st), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(st.message, "internal error"));
	mm_arena_finish(&real);
	mm_arena_finish(&dry);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_arena_reset_and_overflow)
{
	struct mm_arena dry;
	struct aios_status st;
	uint64_t mark;
	aios_addr a, b;

	mm_arena_init_dry(&dry, "test");
	ck_assert_int_eq(mm_arena_alloc(&dry, 100, &a, &st), 0);
	mark = dry.used;
	ck_assert_int_eq(mm_arena_alloc(&dry, 1000, &a, &st), 0);
	mm_arena_reset(&dry, mark);
	ck_assert_int_eq(mm_arena_alloc(&dry, 10, &b, &st), 0);
	ck_assert_uint_eq(a, b);
	ck_assert_uint_eq(dry.peak, 256 + 1024);
	ck_assert_int_eq(mm_arena_alloc(&dry, UINT64_MAX, &a, &st), -EOVERFLOW);
	ck_assert_int_eq(mm_arena_alloc(&dry, UINT64_MAX - 511, &a, &st), -EOVERFLOW);
}
END_TEST

START_TEST(test_pool_reuses_blocks)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct mm_block a, b, c, big;
	struct mm_pool pool;
	struct aios_status st;
	aios_addr first;

	mm_pool_init(&pool, dev, AIOS_HEAP_DEVICE);
	ck_assert_int_eq(mm_pool_alloc(&pool, 1, "a", &a, &st), 0);
	ck_assert_int_eq(mm_pool_alloc(&pool, 256, "b", &b, &st), 0);
	ck_assert_int_eq(mm_pool_alloc(&pool, 257, "c", &c, &st), 0);
	ck_assert_uint_eq(a.bytes, 256);
	ck_assert_uint_eq(c.bytes, 512);
	ck_assert_uint_eq(b.addr, a.addr + 256);
	first = a.addr;
	mm_pool_free(&pool, &a);
	ck_assert_int_eq(mm_pool_alloc(&pool, 200, "a", &a, &st), 0);
	ck_assert_uint_eq(a.addr, first);
	ck_assert_int_eq(mm_pool_alloc(&pool, 3u << 20, "big", &big, &st), 0);
	ck_assert_uint_eq(pool.used, 256 + 256 + 512 + (3u << 20));
	mm_pool_free(&pool, &big);
	mm_pool_free(&pool, &a);
	mm_pool_free(&pool, &b);
	mm_pool_free(&pool, &c);
	mm_pool_free(&pool, &c); /* zeroed */
	ck_assert_uint_eq(pool.used, 0);
	mm_pool_finish(&pool);
	ck_assert_uint_eq(dev->heaps[AIOS_HEAP_DEVICE].used, 0);
	mock_close(&mock, dev);
}
END_TEST

/* Random traffic: blocks never overlap, and everything comes back. */
START_TEST(test_pool_random)
{
	enum {
		SLOTS = 64,
		STEPS = 20000
	};
	static struct mm_block slots[SLOTS];
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct mm_pool pool;
	struct aios_status st;
	uint32_t x = 12345;

	memset(slots, 0, sizeof(slots));
	mm_pool_init(&pool, dev, AIOS_HEAP_DEVICE);
	for (int i = 0; i < STEPS; i++) {
		struct mm_block *b;

		x = x * 1664525u + 1013904223u;
		b = &slots[x >> 26];
		if (b->addr) {
			const unsigned char *p = b->host;

			for (uint64_t k = 0; k < b->bytes; k += 97)
				ck_assert_uint_eq(p[k], (unsigned char)(b - slots));
			mm_pool_free(&pool, b);
			continue;
		}
		ck_assert_int_eq(mm_pool_alloc(&pool, (x >> 8) % 40000 + 1, "x", b, &st), 0);
		memset(b->host, (int)(b - slots), b->bytes);
	}
	for (int i = 0; i < SLOTS; i++)
		mm_pool_free(&pool, &slots[i]);
	ck_assert_uint_eq(pool.used, 0);
	mm_pool_finish(&pool);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_pool_failure_leaves_it_whole)
{
	struct mock_device mock;
	struct device *dev = mock_open(&mock);
	struct mm_block a;
	struct mm_pool pool;
	struct aios_status st;

	mm_pool_init(&pool, dev, AIOS_HEAP_DEVICE);
	mock.fail_alloc = 1;
	ck_assert_int_eq(mm_pool_alloc(&pool, 10, "a", &a, &st), -AIOS_EXHAUSTED);
	ck_assert_uint_eq(pool.used, 0);
	ck_assert_int_eq(mm_pool_alloc(&pool, 10, "a", &a, &st), 0);
	mm_pool_free(&pool, &a);
	mm_pool_finish(&pool);
	mock_close(&mock, dev);
}
END_TEST

START_TEST(test_pages)
{
	struct mm_pages p;
	struct aios_status st;
	int32_t got[8];

	ck_assert_int_eq(mm_pages_init(&p, 8, &st), 0);
	ck_assert_int_eq(mm_pages_alloc(&p, 5, got), 0);
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < i; k++)
			ck_assert_int_ne(got[i], got[k]);
	ck_assert_int_eq(mm_pages_alloc(&p, 4, got + 5), -AIOS_EXHAUSTED);
	ck_assert_uint_eq(p.used, 5);
	mm_pages_get(&p, got[2]);
	mm_pages_put(&p, got[2]);
	ck_assert_uint_eq(p.used, 5);
	ck_assert(mm_pages_consistent(&p));
	mm_pages_put(&p, got[2]);
	ck_assert_uint_eq(p.used, 4);
	ck_assert_int_eq(mm_pages_alloc(&p, 4, got + 4), 0);
	ck_assert_uint_eq(p.used, 8);
	ck_assert_uint_eq(p.peak, 8);
	ck_assert(mm_pages_consistent(&p));
	mm_pages_finish(&p);
}
END_TEST

Suite *test_mm_suite(void)
{
	Suite *s = suite_create("mm");
	TCase *tc = tcase_create("device");

	tcase_add_test(tc, test_accounting);
	tcase_add_test(tc, test_budget_is_a_result);
	tcase_add_test(tc, test_exhausted_names_the_need);
	tcase_add_test(tc, test_lost_is_sticky);
	suite_add_tcase(s, tc);
	tc = tcase_create("arena");
	tcase_add_test(tc, test_arena_plan_is_exact);
	tcase_add_test(tc, test_arena_reset_and_overflow);
	suite_add_tcase(s, tc);
	tc = tcase_create("pool");
	tcase_add_test(tc, test_pool_reuses_blocks);
	tcase_add_test(tc, test_pool_random);
	tcase_add_test(tc, test_pool_failure_leaves_it_whole);
	suite_add_tcase(s, tc);
	tc = tcase_create("pages");
	tcase_add_test(tc, test_pages);
	suite_add_tcase(s, tc);
	return s;
}
