/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.cuh - temperature, top-k, top-p, min-p, one Philox draw. One row a block.
 *
 * Weights are integers and keys are distinct, so "the first k" and "the shortest prefix that
 * reaches p" are "all keys from a cutoff on". The cutoff is found eight bits at a time, from the
 * top, with histograms; sums of integers are the same in any order.
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
GPU_FN uint64_t sample_left(const struct sample_row *r, uint32_t id, bool use_min_p)
{
	float x = sample_logit(r, id);
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

	for (uint32_t id = gpu_tid(); id < r->n; id += gpu_threads())
		sum += sample_left(r, id, use_min_p);
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

/*
 * The first survivor, by ascending id, whose prefix sum exceeds the target: threads own ranges of
 * ids; the one in whose range that happens walks it.
 */
GPU_FN uint32_t sample_draw(const struct sample_row *r, struct gpu_sample_shared *s,
			    uint64_t target)
{
	uint32_t tid = gpu_tid(), threads = gpu_threads(), span = (r->n + threads - 1) / threads;
	uint64_t first = (uint64_t)tid * span, end = first + span < r->n ? first + span : r->n;
	uint64_t own = 0, before = 0, other;

	for (uint64_t id = first; id < end; id++)
		own += sample_left(r, (uint32_t)id, true);
	gpu_barrier();
	s->keys[tid] = own;
	if (tid == 0)
		s->id = r->n;
	for (uint32_t h = 1; h < threads; h *= 2) { /* inclusive prefix sums */
		gpu_barrier();
		other = tid >= h ? s->keys[tid - h] : 0;
		gpu_barrier();
		s->keys[tid] += other;
	}
	gpu_barrier();
	before = s->keys[tid] - own;
	if (before <= target && before + own > target) {
		for (uint64_t id = first; id < end; id++) {
			before += sample_left(r, (uint32_t)id, true);
			if (before > target) {
				s->id = (uint32_t)id;
				break;
			}
		}
	}
	gpu_barrier();
	return s->id;
}

GPU_FN uint32_t sample_one(const float *logits, uint32_t n, const struct aios_sample_row *p,
			   struct gpu_sample_shared *s)
{
	uint64_t best = 0, total, key;
	struct sample_row r;

	r.logits = logits;
	r.n = n;
	r.temperature = p->temperature;
	r.min_p = p->min_p > 0.0f ? p->min_p : 0.0f;
	r.cutoff = 0;
	if (!(p->temperature > 0.0f))
		return keymax_argmax(s->keys, logits, n);
	for (uint32_t id = gpu_tid(); id < n; id += gpu_threads()) {
		key = keymax_of(sample_logit(&r, id));
		best = key > best ? key : best;
	}
	r.max = keymax_float(keymax_block(s->keys, best));
	if (p->top_k > 0 && p->top_k < n)
		r.cutoff = sample_cutoff(&r, s, p->top_k, 0.0f);
	total = sample_total(&r, s, false);
	if (total == 0) /* no logit above -inf */
		return keymax_argmax(s->keys, logits, n);
	if (p->top_p > 0.0f && p->top_p < 1.0f)
		r.cutoff = sample_cutoff(&r, s, total, p->top_p);
	total = sample_total(&r, s, true);
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
