// SPDX-License-Identifier: Apache-2.0
/* observe.c - counters, distributions and the log of steps. */
#include <inttypes.h>
#include <string.h>

#include "core/engine/engine.h"

void histogram_add(struct aios_histogram *h, uint64_t value)
{
	uint32_t b = value ? 63u - (uint32_t)__builtin_clzll(value) : 0;

	h->count++;
	h->sum += value;
	h->buckets[b < AIOS_HISTOGRAM_BUCKETS ? b : AIOS_HISTOGRAM_BUCKETS - 1]++;
}

double aios_histogram_quantile(const struct aios_histogram *h, double q)
{
	double want = q * (double)h->count, below = 0, in;

	for (uint32_t b = 0; b < AIOS_HISTOGRAM_BUCKETS; b++) {
		in = (double)h->buckets[b];
		if (in > 0 && below + in >= want)
			return (double)(1ull << b) * (1.0 + (want - below) / in);
		below += in;
	}
	return 0;
}

static void fill_cache_stats(const struct aios_engine *e, struct aios_stats *out)
{
	struct aios_cache_stats c = { .size = sizeof(c) };

	if (!e->prefix.cache)
		return;
	e->prefix.ops->stats(e->prefix.cache, &c);
	out->cache_tokens_wanted = c.tokens_wanted;
	out->cache_tokens_hit = c.tokens_hit;
	out->cache_pages_inserted = c.inserted;
	out->cache_pages_evicted = c.evicted;
	for (uint32_t i = 0; i < AIOS_CACHE_MISSES; i++) {
		out->cache_misses[i] = c.misses[i];
		out->cache_missed_tokens[i] = c.missed_tokens[i];
	}
}

void engine_fill_stats(const struct aios_engine *e, struct aios_stats *out)
{
	const uint32_t *states = e->stats.states;

	*out = e->stats;
	out->running = states[AIOS_REQUEST_PREFILLING] + states[AIOS_REQUEST_DECODING];
	out->waiting = e->alive - out->running;
	out->refused = atomic_load(&e->refused);
	out->kv_pages_cached = prefix_evictable(&e->prefix);
	out->kv_pages_used = e->kv.pages.used - out->kv_pages_cached;
	out->kv_pages_peak = e->kv.pages.peak;
	out->kv_pages_total = e->kv.pages.total;
	out->swap_pages_used = e->swap.used;
	out->swap_pages_total = e->swap.max_slots;
	out->draft_pages_used = e->draft.kv.pages.used;
	out->draft_pages_total = e->draft.kv.pages.total;
	out->swap_bytes_out = e->swap.bytes_out;
	out->swap_bytes_in = e->swap.bytes_in;
	out->graph_captures = e->step.graphs.captures;
	out->graph_launches = e->step.graphs.launches;
	out->memory_used = e->device->heaps[AIOS_HEAP_DEVICE].used;
	out->memory_peak = e->device->heaps[AIOS_HEAP_DEVICE].peak;
	fill_cache_stats(e, out);
}

/* What was guessed for this step, and what of it was right; "" when nothing ever is. */
static void guesses_text(const struct aios_engine *e, char *out, size_t size)
{
	uint32_t guessed = 0, right = 0;

	out[0] = '\0';
	if (e->config.speculate == 0)
		return;
	for (uint32_t i = 0; i < e->step.now.n; i++) {
		const struct member *m = &e->step.now.members[i];

		guessed += m->drafts;
		right += m->kept - (m->rows - m->drafts);
	}
	snprintf(out, size, "; guessed %u%s, right %u", guessed,
		 e->draft.open ? " by the draft model" : "", right);
}

static void log_step(struct aios_engine *e, uint64_t ns)
{
	const struct batch *b = &e->workspace.batch;
	const uint32_t *states = e->stats.states;
	char guesses[64];

	guesses_text(e, guesses, sizeof(guesses));

	engine_log(
		e, AIOS_LOG_INFO,
		"step %" PRIu64 ": %u answers, %u rows, %u us; queued %u, prefilling %u, "
		"decoding %u, swapped %u, dropped %u; pages %u of %u, cached %u; preempted %" PRIu64
		", copied %" PRIu64 "%s%s",
		e->stats.steps, e->step.now.n, b->n_tokens, (unsigned)(ns / 1000),
		states[AIOS_REQUEST_QUEUED], states[AIOS_REQUEST_PREFILLING],
		states[AIOS_REQUEST_DECODING], states[AIOS_REQUEST_SWAPPED],
		states[AIOS_REQUEST_DROPPED], e->kv.pages.used, e->kv.pages.total,
		prefix_evictable(&e->prefix), e->stats.swapped + e->stats.dropped,
		e->stats.copied_pages, guesses,
		!e->step.captured ? "" :
		e->step.chain     ? "; graph, ahead" :
				    "; graph");
}

void observe_step(struct aios_engine *e, uint64_t start, uint64_t end)
{
	struct aios_stats *s = &e->stats;

	s->steps++;
	s->step_ns += end - start;
	histogram_add(&s->steps_ns, end - start);
	histogram_add(&s->step_rows, e->workspace.batch.n_tokens);
	histogram_add(&s->step_seqs, e->step.now.n);
	if (e->config.log_steps)
		log_step(e, end - start);
}
