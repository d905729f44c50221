/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.cuh - temperature, top-k, top-p, min-p, one Philox draw. One row a block.
 *
 * Weights are integers and keys are distinct, so "the first k" and "the shortest prefix that
 * reaches p" are "all keys from a cutoff on", and sums are the same in any order. Candidates are
 * counted in bins by their distance from the best, 1/32 each, which keep their order; then those of
 * the one bin where the cutoff lies are compared with each other. Should too many be in it (equal
 * logits, say), the cutoff is found eight bits at a time instead, over the whole row.
 * Candidates of weight 0 can change nothing and are not counted.
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

GPU_FN uint64_t sample_total(const struct sample_row *r, struct gpu_sample_shared *s,
			     bool use_min_p)
{
	uint64_t sum = 0;

	keymax_walk(r->logits, 0, r->n,
		    [&](float logit, uint32_t id) { sum += sample_left(r, logit, id, use_min_p); });
	return keysum_block(s->keys, sum);
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

/* List the candidates of bin s->digit; false: there are too many. */
GPU_FN bool sample_list(const struct sample_row *r, struct gpu_sample_shared *s)
{
	const uint32_t bin = s->digit;

	if (s->bin_counts[bin] > GPU_SAMPLE_LIST)
		return false;
	keymax_walk(r->logits, 0, r->n, [&](float logit, uint32_t id) {
		float x = aios_div(logit, r->temperature);
		uint64_t key = aios_rank_key(x, id), w;
		uint32_t at;

		if (key < r->cutoff || !(x == r->max || aios_sub(r->max, x) < 40.0f) ||
		    sample_bin(r, x) != bin)
			return;
		w = aios_sample_weight(x, r->max);
		if (!w)
			return;
		at = gpu_take32(&s->listed, 1);
		s->list[at] = key;
		s->weights[at] = w;
	});
	gpu_barrier();
	return true;
}

/* The largest key of the list with which all from it on are enough. */
GPU_FN uint64_t sample_listed(struct gpu_sample_shared *s, uint64_t goal, float top_p)
{
	const uint32_t n = s->listed;
	uint64_t best = 0;

	for (uint32_t i = gpu_tid(); i < n; i += gpu_threads()) {
		uint64_t key = s->list[i], count = s->count, sum = s->sum;

		for (uint32_t j = 0; j < n; j++) {
			if (s->list[j] >= key) {
				count++;
				sum += s->weights[j];
			}
		}
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

/* Cut, with the bins up to date before and after; false: the bins are of no use any more. */
GPU_FN bool sample_cut(struct sample_row *r, struct gpu_sample_shared *s, uint64_t goal,
		       float top_p)
{
	sample_pick(s, goal, top_p);
	if (s->digit == GPU_SAMPLE_BINS)
		return true; /* all of them stay */
	if (!sample_list(r, s)) {
		r->cutoff = sample_cutoff(r, s, goal, top_p);
		return false;
	}
	r->cutoff = sample_listed(s, goal, top_p);
	sample_cut_bins(s, r->cutoff);
	return true;
}

/* --- the draw ------------------------------------------------------------------------ */

/* The sum of what is left in [first, end), by the lanes of a group of 32 threads. */
GPU_FN uint64_t sample_span(const struct sample_row *r, uint64_t first, uint64_t end)
{
	uint64_t sum = 0;

	for (uint64_t id = first + gpu_tid() % 32; id < end; id += 32)
		sum += sample_left(r, r->logits[id], (uint32_t)id, true);
	for (uint32_t h = 16; h > 0; h /= 2)
		sum += gpu_shfl_xor_u64(sum, h);
	return sum;
}

/*
 * The first survivor, by ascending id, whose prefix sum exceeds the target. Groups of 32 threads
 * sum a part of the ids each; the part where that happens is cut again, until it is one id.
 */
GPU_FN uint32_t sample_draw(const struct sample_row *r, struct gpu_sample_shared *s,
			    uint64_t target)
{
	const uint32_t groups = gpu_threads() / 32, group = gpu_tid() / 32;
	uint64_t first = 0, end = r->n;

	while (end - first > 1) {
		const uint64_t span = (end - first + groups - 1) / groups;
		uint64_t from = first + group * span, to = from + span, sum;
		uint32_t g = 0;

		from = from < end ? from : end;
		to = to < end ? to : end;
		sum = sample_span(r, from, to);
		gpu_barrier();
		if (gpu_tid() % 32 == 0)
			s->keys[group] = sum;
		gpu_barrier();
		for (; g + 1 < groups && s->keys[g] <= target; g++)
			target -= s->keys[g];
		first += g * span;
		end = first + span < end ? first + span : end;
	}
	return (uint32_t)first;
}

GPU_FN uint32_t sample_one(const float *logits, uint32_t n, const struct aios_sample_row *p,
			   struct gpu_sample_shared *s)
{
	const bool use_k = p->top_k > 0 && p->top_k<n, use_p = p->top_p> 0.0f && p->top_p < 1.0f;
	uint64_t best = 0, total;
	bool binned = false;
	struct sample_row r;

	r.logits = logits;
	r.n = n;
	r.temperature = p->temperature;
	r.min_p = p->min_p > 0.0f ? p->min_p : 0.0f;
	r.cutoff = 0;
	if (!(p->temperature > 0.0f))
		return keymax_argmax(s->keys, logits, n);
	keymax_walk(logits, 0, n, [&](float logit, uint32_t id) {
		(void)id;
		best = keymax_join<false>(best, keymax_of(aios_div(logit, r.temperature)));
	});
	r.max = keymax_float(keymax_block(s->keys, best));
	if (use_k || use_p) {
		sample_fill(&r, s);
		binned = true;
	}
	if (use_k)
		binned = sample_cut(&r, s, p->top_k, 0.0f);
	total = binned ? sample_binned(s) : sample_total(&r, s, false);
	if (total == 0) /* no logit above -inf */
		return keymax_argmax(s->keys, logits, n);
	if (use_p && binned)
		binned = sample_cut(&r, s, total, p->top_p);
	else if (use_p)
		r.cutoff = sample_cutoff(&r, s, total, p->top_p);
	if (use_p || r.min_p > 0.0f)
		total = binned && r.min_p == 0.0f ? sample_binned(s) : sample_total(&r, s, true);
	return sample_draw(&r, s,
			   aios_sample_target(aios_random64(p->seed, p->position, p->draw), total));
}

GPU_KERNEL(512) gpu_sample(const struct gpu_sample_args a)
{
	struct gpu_sample_shared *s = (struct gpu_sample_shared *)gpu_shared();
	uint32_t row = gpu_bx(), id;

	gpu_grid_enter();
	id = sample_one((const float *)gpu_row(&a.op.logits, row), a.op.logits.cols,
			(const struct aios_sample_row *)gpu_ptr(a.op.params) + row, s);
	if (gpu_tid() == 0)
		((int32_t *)gpu_ptr(a.op.ids))[row] = (int32_t)id;
}
