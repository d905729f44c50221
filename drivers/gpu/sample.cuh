/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.cuh - temperature, top-k, top-p, min-p, one Philox draw. One row a block.
 *
 * Weights are integers and keys are distinct, so "the first k" and "the shortest prefix that
 * reaches p" are "all keys from a cutoff on", and sums are the same in any order. Candidates of
 * weight 0 can change nothing and are not counted.
 *
 * Of what each thread has seen of the row, the largest logits tell one that k of the row reach, for
 * any k up to the number of threads: those that do are few, so they are listed, and all the rest is
 * done on the list. Where it is no use (many equal logits, a large k, a prefix that is longer than
 * the list), candidates are counted in bins by their distance from the best, 1/32 each, which keep
 * their order. Those of the bin with the cutoff are listed and compared with each other; should too
 * many be in it, the cutoff is found eight bits at a time instead, over the whole row.
 */
#include "keymax.cuh"

/* A row and its filters: candidates are those with a key of at least `cutoff`. */
struct sample_row {
	const float *logits;
	uint32_t n;
	float temperature, max; /* max: of the logits after the temperature */
	float min_p;
	uint64_t cutoff;
};

GPU_FN float sample_logit(const struct sample_row *r, uint32_t id)
{
	return aios_div(r->logits[id], r->temperature);
}

/* A candidate's weight once min-p has been asked; 0 for what is out. */
GPU_FN uint64_t sample_left(const struct sample_row *r, float logit, uint32_t id, bool use_min_p)
{
	float x = aios_div(logit, r->temperature);
	uint64_t w;

	if (aios_rank_key(x, id) < r->cutoff)
		return 0;
	w = aios_sample_weight(x, r->max);
	return use_min_p && !aios_min_p_keeps(w, r->min_p) ? 0 : w;
}

/*
 * Add the wave's candidates to the histogram: lanes of the same digit are summed by shuffles
 * first, since the upper bits of logits take few values and would all meet in the same words.
 */
GPU_FN void sample_count(struct gpu_sample_shared *s, bool there, uint32_t digit, uint64_t weight)
{
	uint32_t wave = gpu_wave(), lane = gpu_tid() % wave;
	uint64_t todo = gpu_ballot(there), same, sum;

	while (todo) {
		uint32_t leader = 0, d;

		while (!(todo >> leader & 1))
			leader++;
		d = gpu_shfl(digit, leader);
		same = gpu_ballot(there && digit == d);
		sum = there && digit == d ? weight : 0;
		for (uint32_t h = wave / 2; h > 0; h /= 2)
			sum += gpu_shfl_xor_u64(sum, h);
		if (lane == leader) {
			uint32_t count = 0;

			for (uint64_t left = same; left; left &= left - 1)
				count++;
			gpu_add32(&s->counts[d], count);
			gpu_add64(&s->sums[d], sum);
		}
		todo &= ~same;
	}
}

/* One pass: histogram of the digit at `shift` over keys that begin with `prefix`. */
GPU_FN void sample_digits(const struct sample_row *r, struct gpu_sample_shared *s, int shift,
			  uint64_t prefix)
{
	uint32_t tid = gpu_tid(), threads = gpu_threads();

	gpu_barrier();
	for (uint32_t i = tid; i < 256; i += threads) {
		s->counts[i] = 0;
		s->sums[i] = 0;
	}
	gpu_barrier();
	for (uint32_t first = 0; first < r->n; first += threads) {
		uint32_t id = first + tid;
		bool there = id < r->n;
		float x = there ? sample_logit(r, id) : 0.0f;
		uint64_t key = aios_rank_key(x, id);

		there = there && key >= r->cutoff;
		if (shift < 56)
			there = there && key >> (shift + 8) == prefix;
		sample_count(s, there, (uint32_t)(key >> shift) & 255u,
			     there ? aios_sample_weight(x, r->max) : 0);
	}
	gpu_barrier();
}

/* Has a prefix of `count` candidates with this sum of weights enough? top_p 0: asks for top-k. */
GPU_FN bool sample_enough(uint64_t count, uint64_t sum, uint64_t goal, float top_p)
{
	if (top_p == 0.0f)
		return count >= goal;
	return sum > 0 && aios_top_p_reached(sum, goal, top_p);
}

/* The largest cutoff with which the survivors are enough. */
GPU_FN uint64_t sample_cutoff(const struct sample_row *r, struct gpu_sample_shared *s,
			      uint64_t goal, float top_p)
{
	uint64_t prefix = 0, count = 0, sum = 0;

	for (int shift = 56; shift >= 0; shift -= 8) {
		sample_digits(r, s, shift, prefix);
		if (gpu_tid() == 0) {
			uint32_t digit = 255;

			for (; digit > 0; digit--) {
				if (sample_enough(count + s->counts[digit], sum + s->sums[digit],
						  goal, top_p))
					break;
				count += s->counts[digit];
				sum += s->sums[digit];
			}
			s->digit = digit;
		}
		gpu_barrier();
		prefix = prefix << 8 | s->digit;
	}
	return prefix;
}

/* --- the cutoff by bins ------------------------------------------------------------- */

/* The bin of a candidate whose weight is not 0; a larger logit is never in a later bin. */
GPU_FN uint32_t sample_bin(const struct sample_row *r, float x)
{
	float distance = aios_mul(aios_sub(r->max, x), 32.0f);

	if (x == r->max)
		return 0;
	return distance < (float)(GPU_SAMPLE_BINS - 1) ? (uint32_t)distance : GPU_SAMPLE_BINS - 1;
}

/* Count the whole row. */
GPU_FN void sample_fill(const struct sample_row *r, struct gpu_sample_shared *s)
{
	gpu_barrier();
	for (uint32_t i = gpu_tid(); i < GPU_SAMPLE_BINS; i += gpu_threads()) {
		s->bin_counts[i] = 0;
		s->bin_sums[i] = 0;
	}
	gpu_barrier();
	keymax_walk(r->logits, 0, r->n, [&](float logit, uint32_t id) {
		float x = aios_div(logit, r->temperature);
		uint64_t w = aios_sample_weight(x, r->max);
		uint32_t bin = w ? sample_bin(r, x) : 0;

		(void)id;
		if (w) {
			gpu_add32(&s->bin_counts[bin], 1);
			gpu_add64(&s->bin_sums[bin], w);
		}
	});
	gpu_barrier();
}

/* The sum of all bins. */
GPU_FN uint64_t sample_binned(struct gpu_sample_shared *s)
{
	uint64_t sum = 0;

	for (uint32_t i = gpu_tid(); i < GPU_SAMPLE_BINS; i += gpu_threads())
		sum += s->bin_sums[i];
	return keysum_block(s->keys, sum);
}

/*
 * The first bin with which the candidates are enough: s->digit, and what is before it, s->count
 * and s->sum. GPU_SAMPLE_BINS when all are not enough. By 32 threads, a group of bins each.
 */
GPU_FN void sample_pick(struct gpu_sample_shared *s, uint64_t goal, float top_p)
{
	const uint32_t each = GPU_SAMPLE_BINS / 32, tid = gpu_tid();
	uint64_t count = 0, sum = 0;

	gpu_barrier();
	for (uint32_t i = tid * each; tid < 32 && i < (tid + 1) * each; i++) {
		count += s->bin_counts[i];
		sum += s->bin_sums[i];
	}
	if (tid < 32) {
		s->sums[tid] = sum;
		s->counts[tid] = (uint32_t)count;
	}
	gpu_barrier();
	if (tid == 0) {
		uint32_t group = 0, bin;

		count = sum = 0;
		for (; group < 32; group++) {
			if (sample_enough(count + s->counts[group], sum + s->sums[group], goal,
					  top_p))
				break;
			count += s->counts[group];
			sum += s->sums[group];
		}
		for (bin = group * each; bin < GPU_SAMPLE_BINS; bin++) {
			if (sample_enough(count + s->bin_counts[bin], sum + s->bin_sums[bin], goal,
					  top_p))
				break;
			count += s->bin_counts[bin];
			sum += s->bin_sums[bin];
		}
		s->digit = bin;
		s->count = count;
		s->sum = sum;
		s->listed = 0;
	}
	gpu_barrier();
}

/* List the candidates of the bin that was picked, GPU_SAMPLE_LIST at most. */
GPU_FN void sample_list(const struct sample_row *r, struct gpu_sample_shared *s)
{
	const uint32_t bin = s->digit;

	keymax_walk(r->logits, 0, r->n, [&](float logit, uint32_t id) {
		float x = aios_div(logit, r->temperature);
		uint64_t key = aios_rank_key(x, id), w;
		uint32_t at;

		if (key < r->cutoff || !(x == r->max || aios_sub(r->max, x) < 40.0f))
			return;
		if (sample_bin(r, x) != bin)
			return;
		w = aios_sample_weight(x, r->max);
		if (!w)
			return;
		at = gpu_take32(&s->listed, 1);
		s->list[at] = key;
		s->weights[at] = w;
	});
	gpu_barrier();
}

/* Add the candidates of the list from a key on to the count and the sum. */
GPU_FN void sample_rank(const struct gpu_sample_shared *s, uint64_t key, uint64_t *count,
			uint64_t *sum)
{
	const uint32_t n = s->listed;

	for (uint32_t j = 0; j < n; j++) {
		if (s->list[j] >= key) {
			(*count)++;
			*sum += s->weights[j];
		}
	}
}

/* The largest key of the list with which all from it on are enough. */
GPU_FN uint64_t sample_listed(struct gpu_sample_shared *s, uint64_t goal, float top_p)
{
	uint64_t best = 0;

	for (uint32_t i = gpu_tid(); i < s->listed; i += gpu_threads()) {
		uint64_t key = s->list[i], count = s->count, sum = s->sum;

		sample_rank(s, key, &count, &sum);
		if (sample_enough(count, sum, goal, top_p))
			best = keymax_join<false>(best, key);
	}
	return keymax_block(s->keys, best);
}

/* Bins as they are after the cutoff, which lies in bin s->digit. */
GPU_FN void sample_cut_bins(struct gpu_sample_shared *s, uint64_t cutoff)
{
	const uint32_t bin = s->digit;
	uint64_t count = 0, sum = 0;

	for (uint32_t i = gpu_tid(); i < s->listed; i += gpu_threads()) {
		if (s->list[i] >= cutoff) {
			count++;
			sum += s->weights[i];
		}
	}
	count = keysum_block(s->keys, count);
	sum = keysum_block(s->keys, sum);
	gpu_barrier();
	for (uint32_t i = bin + gpu_tid(); i < GPU_SAMPLE_BINS; i += gpu_threads()) {
		s->bin_counts[i] = i == bin ? (uint32_t)count : 0;
		s->bin_sums[i] = i == bin ? sum : 0;
	}
	gpu_barrier();
}

/*
 * Cut in the bin that was picked, with the bins up to date before and after; false: the bins are of
 * no use any more.
 */
GPU_FN bool sample_cut(struct sample_row *r, struct gpu_sample_shared *s, uint64_t goal,
		       float top_p)
{
	if (s->digit == GPU_SAMPLE_BINS)
		return true; /* all of them stay */
	if (s->bin_counts[s->digit] > GPU_SAMPLE_LIST) {
		r->cutoff = sample_cutoff(r, s, goal, top_p);
		return false;
	}
	sample_list(r, s);
	r->cutoff = sample_listed(s, goal, top_p);
	sample_cut_bins(s, r->cutoff);
	return true;
}

/* --- few candidates ------------------------------------------------------------------- */

/* The most that are sure to be listed; about 355 are then, of random logits. */
#define SAMPLE_TOP 256

/*
 * The largest logit and the `top`-th largest of those that each thread has as `mine`: at least
 * `top` of the row are not smaller, if so many threads have seen one.
 */
GPU_FN float sample_reached(struct gpu_sample_shared *s, float mine, uint32_t top, float *most)
{
	float *all = (float *)s->bin_sums; /* of each thread */
	uint32_t before = 0, tid = gpu_tid(), threads = gpu_threads();

	gpu_barrier();
	all[tid] = mine;
	gpu_barrier();
	*most = mine;
	for (uint32_t i = 0; i < threads; i += 4) {
		const struct gpu_vec four = gpu_load16(all + i);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			const float x = aios_float(four.w[e]);

			before += x > mine || (x == mine && i + e < tid);
			*most = x > *most ? x : *most;
		}
	}
	if (before + 1 == top)
		s->reached = mine;
	gpu_barrier();
	return s->reached;
}

/*
 * Below this no logit can have the quotient x of `least`, or a larger one: it is further off than
 * quotients that are rounded to the same number can be. Very small and very large ones are not bounded.
 */
GPU_FN float sample_below(float least, float x)
{
	const float size = aios_abs(x);

	return size > 0x1p-100f && size < 0x1p100f ? least - aios_abs(least) * 0x1p-20f :
						     -aios_inf();
}

/*
 * List all candidates that are not worse than a logit of `least`; of more than GPU_SAMPLE_LIST only so
 * many, s->listed tells. Returns the sum of all weights of the row, if `sum` asks for it.
 */
GPU_FN uint64_t sample_gather(const struct sample_row *r, struct gpu_sample_shared *s, float least,
			      bool sum)
{
	const float worst = aios_div(least, r->temperature), below = sample_below(least, worst);
	uint64_t total = 0;

	if (gpu_tid() == 0)
		s->listed = 0;
	gpu_barrier();
	keymax_walk(r->logits, 0, r->n, [&](float logit, uint32_t id) {
		uint64_t w;
		uint32_t at;
		float x;

		if (!sum && !(logit >= below))
			return;
		x = aios_div(logit, r->temperature);
		w = aios_sample_weight(x, r->max);
		total += w;
		if (!w || !(x >= worst))
			return;
		at = gpu_take32(&s->listed, 1);
		if (at < GPU_SAMPLE_LIST) {
			s->list[at] = aios_rank_key(x, id);
			s->weights[at] = w;
		}
	});
	gpu_barrier();
	return sum ? keysum_block(s->keys, total) : 0;
}

/* The sum of the list's weights. */
GPU_FN uint64_t sample_weighed(struct gpu_sample_shared *s)
{
	return keysum_block(s->keys, gpu_tid() < s->listed ? s->weights[gpu_tid()] : 0);
}

/*
 * The choice from a list of at most one candidate a thread, which has all that can be chosen. total:
 * of all weights of the row, which top-p without top-k asks for.
 */
GPU_FN uint32_t sample_few(const struct sample_row *r, struct gpu_sample_shared *s,
			   const struct aios_sample_row *p, bool use_k, bool use_p, uint64_t total)
{
	const uint32_t i = gpu_tid(), n = s->listed;
	uint64_t key = 0, weight = 0, count = 0, sum = 0, cutoff = 0, target, best;

	if (i < n) {
		key = s->list[i];
		weight = s->weights[i];
		sample_rank(s, key, &count, &sum);
	}
	if (use_k) {
		cutoff = keymax_block(s->keys, sample_enough(count, sum, p->top_k, 0.0f) ? key : 0);
		total = keysum_block(s->keys, key >= cutoff ? weight : 0);
	}
	if (use_p) {
		best = key >= cutoff && sample_enough(count, sum, total, p->top_p) ? key : 0;
		cutoff = keymax_join<false>(cutoff, keymax_block(s->keys, best));
	}
	if (key < cutoff || (r->min_p > 0.0f && !aios_min_p_keeps(weight, r->min_p)))
		weight = 0;
	total = keysum_block(s->keys, weight);
	target = aios_sample_target(aios_random64(p->seed, p->position, p->draw), total);
	if (i < n)
		s->weights[i] = weight;
	gpu_barrier();
	/* The sum up to this id; the lower half of a key is the complement of the id. */
	sum = 0;
	for (uint32_t j = 0; i < n && j < n; j++)
		sum += (uint32_t)s->list[j] >= (uint32_t)key ? s->weights[j] : 0;
	best = keymax_block(s->keys, weight && sum > target ? (uint64_t)(uint32_t)key + 1 : 0);
	return aios_rank_id(best - 1);
}

/* --- the draw ------------------------------------------------------------------------ */

#define SAMPLE_AHEAD 8 /* loads of a thread in flight at once */

/* The sum of what is left in [first, end), by the lanes of a group of 32 threads. */
GPU_FN uint64_t sample_span(const struct sample_row *r, bool use_min_p, uint64_t first,
			    uint64_t end)
{
	uint64_t sum = 0;

	for (uint64_t id = first + gpu_tid() % 32; id < end; id += SAMPLE_AHEAD * 32) {
		float v[SAMPLE_AHEAD];

		GPU_UNROLL
		for (uint32_t j = 0; j < SAMPLE_AHEAD; j++)
			if (id + j * 32 < end)
				v[j] = r->logits[id + j * 32];
		GPU_UNROLL
		for (uint32_t j = 0; j < SAMPLE_AHEAD; j++)
			if (id + j * 32 < end)
				sum += sample_left(r, v[j], (uint32_t)id + j * 32, use_min_p);
	}
	for (uint32_t h = 16; h > 0; h /= 2)
		sum += gpu_shfl_xor_u64(sum, h);
	return sum;
}

/* Ids of each group of 32 threads when they share `ids`. */
GPU_FN uint64_t sample_share(uint64_t ids)
{
	const uint32_t groups = gpu_threads() / 32;

	return (ids + groups - 1) / groups;
}

/* What is left in each group's share of [first, end): s->keys. */
GPU_FN void sample_shares(const struct sample_row *r, struct gpu_sample_shared *s, bool use_min_p,
			  uint64_t first, uint64_t end)
{
	const uint64_t share = sample_share(end - first);
	uint64_t from = first + gpu_tid() / 32 * share, to = from + share, sum;

	from = from < end ? from : end;
	to = to < end ? to : end;
	sum = sample_span(r, use_min_p, from, to);
	gpu_barrier();
	if (gpu_tid() % 32 == 0)
		s->keys[gpu_tid() / 32] = sum;
	gpu_barrier();
}

/* What is left in all of the row; its shares stay. */
GPU_FN uint64_t sample_total(const struct sample_row *r, struct gpu_sample_shared *s,
			     bool use_min_p)
{
	uint64_t sum = 0;

	sample_shares(r, s, use_min_p, 0, r->n);
	for (uint32_t g = 0; g < gpu_threads() / 32; g++)
		sum += s->keys[g];
	return sum;
}

/*
 * The first survivor, by ascending id, whose prefix sum exceeds the target. The share of the ids
 * where that happens is cut again, until it is one id. The shares of the row are there.
 */
GPU_FN uint32_t sample_draw(const struct sample_row *r, struct gpu_sample_shared *s,
			    uint64_t target)
{
	uint64_t first = 0, end = r->n;

	for (;;) {
		const uint64_t share = sample_share(end - first);
		uint32_t g = 0;

		for (; g + 1 < gpu_threads() / 32 && s->keys[g] <= target; g++)
			target -= s->keys[g];
		first += g * share;
		end = first + share < end ? first + share : end;
		if (end - first <= 1)
			return (uint32_t)first;
		sample_shares(r, s, true, first, end);
	}
}

/*
 * Cut by top-k and top-p where it takes the whole row: r->cutoff. The bin of the first of them is
 * picked. The total is made again, of 1,024 bins: to keep it would cost registers.
 */
GPU_FN void sample_many(struct sample_row *r, struct gpu_sample_shared *s,
			const struct aios_sample_row *p, bool use_k, bool use_p)
{
	bool binned = true;
	uint64_t total;

	if (use_k)
		binned = sample_cut(r, s, p->top_k, 0.0f);
	if (!use_p)
		return;
	total = binned ? sample_binned(s) : sample_total(r, s, false);
	if (use_k && binned)
		sample_pick(s, total, p->top_p);
	if (binned)
		sample_cut(r, s, total, p->top_p);
	else
		r->cutoff = sample_cutoff(r, s, total, p->top_p);
}

/* The largest quotient. */
GPU_FN float sample_max(const struct sample_row *r, struct gpu_sample_shared *s)
{
	uint64_t best = 0;

	keymax_walk(r->logits, 0, r->n, [&](float logit, uint32_t id) {
		(void)id;
		best = keymax_join<false>(best, keymax_of(aios_div(logit, r->temperature)));
	});
	return keymax_float(keymax_block(s->keys, best));
}

/* Cut by top-k and top-p, at least one of them, where the list was of no use; all bins are full. */
GPU_FN void sample_bins(struct sample_row *r, struct gpu_sample_shared *s,
			const struct aios_sample_row *p, bool use_k, bool use_p)
{
	sample_fill(r, s);
	if (use_k) {
		sample_pick(s, p->top_k, 0.0f);
		use_k = s->digit < GPU_SAMPLE_BINS; /* else all of them stay */
	}
	if (!use_k && use_p)
		sample_pick(s, sample_binned(s), p->top_p);
	sample_many(r, s, p, use_k, use_p);
}

/* The list of the best candidates: is all that can be chosen in it? *total: see sample_few(). */
GPU_FN bool sample_top(const struct sample_row *r, struct gpu_sample_shared *s,
		       const struct aios_sample_row *p, bool use_k, float least, uint64_t *total)
{
	*total = sample_gather(r, s, least, !use_k);
	if (s->listed == 0 || s->listed > GPU_SAMPLE_LIST)
		return false;
	return use_k || sample_enough(0, sample_weighed(s), *total, p->top_p);
}

GPU_FN uint32_t sample_one(const float *logits, uint32_t n, const struct aios_sample_row *p,
			   struct gpu_sample_shared *s)
{
	const bool use_p = p->top_p > 0.0f && p->top_p < 1.0f;
	const bool use_k = p->top_k > 0 && p->top_k < n;
	float best = -aios_inf(), least;
	struct sample_row r;
	uint64_t total;

	r.logits = logits;
	r.n = n;
	r.temperature = p->temperature;
	r.min_p = p->min_p > 0.0f ? p->min_p : 0.0f;
	r.cutoff = 0;
	if (!(p->temperature > 0.0f))
		return keymax_argmax(s->keys, logits, n);
	keymax_walk(logits, 0, n, [&](float logit, uint32_t id) {
		(void)id;
		best = logit > best ? logit : best;
	});
	least = sample_reached(s, best, use_k && p->top_k < SAMPLE_TOP ? p->top_k : SAMPLE_TOP,
			       &best);
	/* No quotient is larger than that of the largest; -0 becomes +0. */
	r.max = aios_div(aios_add(best, 0.0f), r.temperature);
	if (aios_is_nan(r.max)) /* of infinities */
		r.max = sample_max(&r, s);
	if (use_k || use_p) {
		if ((!use_k || p->top_k <= SAMPLE_TOP) &&
		    sample_top(&r, s, p, use_k, least, &total))
			return sample_few(&r, s, p, use_k, use_p, total);
		sample_bins(&r, s, p, use_k, use_p);
	}
	total = sample_total(&r, s, true);
	if (total == 0) /* no logit above -inf */
		return keymax_argmax(s->keys, logits, n);
	return sample_draw(&r, s,
			   aios_sample_target(aios_random64(p->seed, p->position, p->draw), total));
}

GPU_KERNEL_MIN(512, 2) gpu_sample(const struct gpu_sample_args a)
{
	struct gpu_sample_shared *s = (struct gpu_sample_shared *)gpu_shared();
	uint32_t row = gpu_bx(), id;

	gpu_grid_enter();
	id = sample_one((const float *)gpu_row(&a.op.logits, row), a.op.logits.cols,
			(const struct aios_sample_row *)gpu_ptr(a.op.params) + row, s);
	if (gpu_tid() == 0)
		((int32_t *)gpu_ptr(a.op.ids))[row] = (int32_t)id;
}
