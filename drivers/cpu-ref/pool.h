/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - a small persistent thread pool. Items are handed out in ascending
 * order to whoever is free; an item must write only what no other item touches,
 * so results cannot depend on the number of threads.
 */
#ifndef REF_POOL_H
#define REF_POOL_H

#include <stdint.h>

#include <aios/error.h>

struct ref_pool;

/* One item of a job; called from any of the pool's threads. */
typedef void (*ref_item_fn)(void *ctx, uint32_t item);

/* A pool of `threads` threads in all, the caller of ref_pool_run() being one of them. */
int ref_pool_create(uint32_t threads, struct ref_pool **out, struct aios_status *st);

/* Ends and joins the threads. Takes NULL. */
void ref_pool_destroy(struct ref_pool *pool);

uint32_t ref_pool_threads(const struct ref_pool *pool);

/* Call fn(ctx, i) for every i < items and return when all are done. Any thread; jobs take turns. */
void ref_pool_run(struct ref_pool *pool, uint32_t items, ref_item_fn fn, void *ctx);

#endif /* REF_POOL_H */
