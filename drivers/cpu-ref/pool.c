// SPDX-License-Identifier: Apache-2.0
/*
 * pool.c - threads that sleep between jobs. A waiter spins for a few
 * microseconds first, because the next op of a decode step follows at once.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include "pool.h"

#define POOL_SPINS 2000

struct ref_pool {
	pthread_mutex_t turn; /* one job at a time */
	pthread_mutex_t lock; /* with the two conditions */
	pthread_cond_t wake;  /* a job was posted, or the end */
	pthread_cond_t idle;  /* the last worker left the job */
	/* The job; written before `job` is advanced, read after it is seen. */
	ref_item_fn fn;
	void *ctx;
	uint32_t items;
	bool stop;
	atomic_uint next;    /* item to hand out */
	atomic_uint job;     /* number of the job */
	atomic_uint working; /* workers that have not left it */
	uint32_t workers;
	pthread_t threads[];
};

static inline void pool_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

static void pool_work(struct ref_pool *pool)
{
	unsigned int item;

	for (;;) {
		item = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
		if (item >= pool->items)
			return;
		pool->fn(pool->ctx, item);
	}
}

/* Wait until the job number is not `seen` any more; returns the new one. */
static unsigned int pool_next_job(struct ref_pool *pool, unsigned int seen)
{
	unsigned int job = seen;
	int i;

	for (i = 0; i < POOL_SPINS && job == seen; i++) {
		pool_relax();
		job = atomic_load_explicit(&pool->job, memory_order_acquire);
	}
	if (job != seen)
		return job;
	pthread_mutex_lock(&pool->lock);
	while ((job = atomic_load_explicit(&pool->job, memory_order_acquire)) == seen)
		pthread_cond_wait(&pool->wake, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *pool_thread(void *arg)
{
	struct ref_pool *pool = arg;
	unsigned int job = 0;

	for (;;) {
		job = pool_next_job(pool, job);
		if (pool->stop)
			return NULL;
		pool_work(pool);
		if (atomic_fetch_sub_explicit(&pool->working, 1, memory_order_acq_rel) == 1) {
			pthread_mutex_lock(&pool->lock);
			pthread_cond_signal(&pool->idle);
			pthread_mutex_unlock(&pool->lock);
		}
	}
}

/* Advance the job number and wake the sleepers. */
static void pool_post(struct ref_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	atomic_fetch_add_explicit(&pool->job, 1, memory_order_release);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
}

static void pool_wait_idle(struct ref_pool *pool)
{
	int i;

	for (i = 0; i < POOL_SPINS; i++) {
		if (atomic_load_explicit(&pool->working, memory_order_acquire) == 0)
			break;
		pool_relax();
	}
	/* Always take the lock: the last worker may still hold it. */
	pthread_mutex_lock(&pool->lock);
	while (atomic_load_explicit(&pool->working, memory_order_acquire) != 0)
		pthread_cond_wait(&pool->idle, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

void ref_pool_run(struct ref_pool *pool, uint32_t items, ref_item_fn fn, void *ctx)
{
	uint32_t i;

	if (items <= 1 || pool->workers == 0) {
		for (i = 0; i < items; i++)
			fn(ctx, i);
		return;
	}
	pthread_mutex_lock(&pool->turn);
	pool->fn = fn;
	pool->ctx = ctx;
	pool->items = items;
	atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->working, pool->workers, memory_order_relaxed);
	pool_post(pool);
	pool_work(pool);
	pool_wait_idle(pool);
	pthread_mutex_unlock(&pool->turn);
}

uint32_t ref_pool_threads(const struct ref_pool *pool)
{
	return pool->workers + 1;
}

void ref_pool_destroy(struct ref_pool *pool)
{
	uint32_t i;

	if (!pool)
		return;
	pool->stop = true;
	pool_post(pool);
	for (i = 0; i < pool->workers; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	pthread_mutex_destroy(&pool->turn);
	free(pool);
}

int ref_pool_create(uint32_t threads, struct ref_pool **out, struct aios_status *st)
{
	uint32_t workers = threads > 1 ? threads - 1 : 0;
	struct ref_pool *pool;
	int err;

	pool = calloc(1, sizeof(*pool) + workers * sizeof(pool->threads[0]));
	if (!pool)
		return aios_fail(st, -ENOMEM, "no memory for a pool of %u threads", threads);
	pthread_mutex_init(&pool->turn, NULL);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pthread_cond_init(&pool->idle, NULL);
	for (; pool->workers < workers; pool->workers++) {
		err = pthread_create(&pool->threads[pool->workers], NULL, pool_thread, pool);
		if (err) {
			ref_pool_destroy(pool);
			return aios_fail(
				st, -err,
				"cannot start thread %u of %u: %s; lower the parameter 'threads'",
				pool->workers + 2, threads, strerror(err));
		}
	}
	*out = pool;
	return 0;
}
