// SPDX-License-Identifier: Apache-2.0
/*
 * level4.c - invariance, on the device under test alone: a row's bits do not depend on
 * what else is computed, in which order, in how many pieces, on which pages, through
 * which queue, or whether a graph replays it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/conform/model.h"

/* --- rows of one op ---------------------------------------------------------------- */

/* A case whose first parameter is its rows, with that many of them from `row0` on. */
static int run_rows(struct aios_conform *c, const struct gen_case *base, uint32_t param,
		    uint32_t row0, uint32_t rows, struct prog *p, struct prog_result *out)
{
	struct gen_case v = *base;
	struct prog_how how = conform_how(row0 + 3);
	int rc;

	v.v[param] = rows;
	v.row0 = base->row0 + row0;
	rc = gen_build(&v, p);
	if (rc)
		memset(out, 0, sizeof(*out));
	return rc ? rc : prog_run(p, c->dut.queues, &how, out);
}

/*
 * Element (row, col) of the part is which one of the whole? Rows, or packed into one
 * row; a buffer of one shape in both has nothing to do with tokens (a weight's scales).
 */
static void place(const struct prog_buf *part, const struct prog_buf *whole, uint32_t rows,
		  uint32_t row0, uint32_t *row, uint32_t *col)
{
	if (whole->rows != part->rows)
		*row += row0;
	else if (whole->cols != part->cols)
		*col += row0 * (part->cols / rows);
}

static void compare_rows(const struct prog *whole, const struct prog_result *all,
			 const struct prog *part, const struct prog_result *some, uint32_t row0,
			 uint32_t rows, struct prog_diff *d)
{
	memset(d, 0, sizeof(*d));
	for (size_t i = 0; i < part->n_bufs && !d->differs; i++) {
		const struct prog_buf *b = &part->bufs[i], *w = &whole->bufs[i];
		uint32_t planes = b->dtype == AIOS_I8X2 ? 2 : 1;

		if (b->role == PROG_IN || b->role == PROG_OPAQUE)
			continue;
		for (uint32_t n = 0; n < planes * b->rows * b->cols && !d->differs; n++) {
			uint32_t plane = n / (b->rows * b->cols), col = n % b->cols;
			uint32_t row = n / b->cols % b->rows, wr = row, wc = col;
			uint64_t got, want;

			place(b, w, rows, row0, &wr, &wc);
			got = prog_element(b, some->bytes[i], plane, row, col);
			want = prog_element(w, all->bytes[i], plane, wr, wc);
			if (got == want)
				continue;
			*d = (struct prog_diff){ .differs = true,
						 .dtype = b->dtype,
						 .plane = plane,
						 .row = wr,
						 .col = wc,
						 .got = got,
						 .want = want,
						 .n_diff = 1,
						 .n_total = (uint64_t)b->rows * b->cols };
			d->ulp = conform_ulp(b->dtype, got, want);
			snprintf(d->buf, sizeof(d->buf), "%s", b->name);
		}
	}
}

/* The first parameter that counts rows. */
static int rows_param(const struct gen *g)
{
	for (uint32_t i = 0; i < g->n_params; i++)
		if (strcmp(g->params[i].name, "T") == 0 || strcmp(g->params[i].name, "R") == 0)
			return (int)i;
	return -1;
}

/* Some rows alone against the same rows among others. */
static int check_part(struct aios_conform *c, const struct gen_case *base, uint32_t param,
		      const struct prog *whole, const struct prog_result *all, uint32_t row0,
		      uint32_t rows, struct aios_conform_case *r)
{
	struct prog_result some = { 0 };
	struct prog_diff diff;
	struct prog part;
	char what[96];
	int rc = run_rows(c, base, param, row0, rows, &part, &some);

	if (!rc && conform_ran(&some, "a part of the rows", r)) {
		compare_rows(whole, all, &part, &some, row0, rows, &diff);
		snprintf(what, sizeof(what),
			 "rows %u .. %u alone differ from the same rows among %u", row0,
			 row0 + rows - 1, base->v[param]);
		if (diff.differs)
			conform_note_diff(r, &diff, what);
	}
	prog_result_finish(&some);
	prog_finish(&part);
	return rc == -EINVAL ? 0 : rc;
}

static int run_batch_rows(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	static const uint8_t batches[] = { 2, 5, 8, 16, 17, 33, 64, 65 };
	uint32_t param = (uint32_t)rows_param(job->gen), n;
	struct prog_how how = conform_how(0);
	struct prog_result all = { 0 };
	struct gen_case base;
	struct prog whole;
	int rc;

	gen_make(job->gen, job->profile, job->index % job->gen->quick, c->options.seed, &base);
	n = batches[job->index % sizeof(batches)];
	base.v[param] = n;
	gen_describe(&base, r->shape, sizeof(r->shape));
	rc = gen_build(&base, &whole);
	if (!rc)
		rc = prog_run(&whole, c->dut.queues, &how, &all);
	if (!rc && conform_ran(&all, "query_op says NO", r)) {
		prog_digest(&whole, &all, r->digest);
		rc = check_part(c, &base, param, &whole, &all, 0, 1, r);
		if (!rc)
			rc = check_part(c, &base, param, &whole, &all, n - 1, 1, r);
		if (!rc)
			rc = check_part(c, &base, param, &whole, &all, n / 2, n - n / 2, r);
		if (!rc && n > 4)
			rc = check_part(c, &base, param, &whole, &all, n / 3, 3, r);
	}
	prog_result_finish(&all);
	prog_finish(&whole);
	return rc == -EINVAL ? 0 : rc;
}

/* --- the model ------------------------------------------------------------------------ */

/* A run of a plan with the logits of every (sequence, position). */
struct outcome {
	struct prog p;
	struct prog_result result;
	struct model_rows_map map;
};

static void outcome_finish(struct outcome *o)
{
	prog_result_finish(&o->result);
	prog_finish(&o->p);
	free(o->map.rows);
}

static int run_plan(struct aios_conform *c, struct conform_key key, const struct model_plan *plan,
		    const struct prog_how *how, struct outcome *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	prog_init(&out->p, key);
	rc = model_build(plan, &out->p, &out->map);
	return rc ? rc : prog_run(&out->p, c->dut.queues, how, &out->result);
}

static const struct model_row *find_row(const struct model_rows_map *map, uint32_t name,
					uint32_t position)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->rows[i].name == name && map->rows[i].position == position)
			return &map->rows[i];
	return NULL;
}

/* Every row of `got` against the same (sequence, position) of `want`. */
static void compare_outcomes(const struct outcome *got, const struct outcome *want,
			     const char *what, struct aios_conform_case *r)
{
	for (size_t i = 0; i < got->map.n; i++) {
		const struct model_row *g = &got->map.rows[i];
		const struct model_row *w = find_row(&want->map, g->name, g->position);
		const struct prog_buf *gb = &got->p.bufs[g->buf];
		char text[160];

		if (!w)
			continue;
		for (uint32_t col = 0; col < gb->cols; col++) {
			uint64_t a = prog_element(gb, got->result.bytes[g->buf], 0, g->row, col);
			uint64_t b = prog_element(&want->p.bufs[w->buf], want->result.bytes[w->buf],
						  0, w->row, col);
			struct prog_diff d = { .differs = true,
					       .dtype = AIOS_F32,
					       .row = g->row,
					       .col = col,
					       .got = a,
					       .want = b,
					       .n_diff = 1,
					       .n_total = gb->cols };

			if (a == b)
				continue;
			d.ulp = conform_ulp(AIOS_F32, a, b);
			snprintf(d.buf, sizeof(d.buf), "%s", gb->name);
			snprintf(text, sizeof(text), "%s: logits of sequence %u, position %u", what,
				 g->name, g->position);
			conform_note_diff(r, &d, text);
			return;
		}
	}
}

/* The same plan run in another way: every buffer of it. */
static void compare_all(const struct outcome *got, const struct outcome *want, const char *what,
			struct aios_conform_case *r)
{
	struct prog_diff diff;

	prog_compare(&got->p, &got->result, &want->result, &diff);
	if (diff.differs)
		conform_note_diff(r, &diff, what);
}

#define LENGTH_A 75
#define LENGTH_B 20
#define LENGTH_C 34
#define DECODED 2 /* the last positions of each come one at a time */

static const uint32_t lengths[3] = { LENGTH_A, LENGTH_B, LENGTH_C };

/* Prefill of all three at once, then two decode steps. */
static void plan_base(struct model_plan *plan)
{
	plan->n_steps = 1 + DECODED;
	plan->page_size = 16;
	for (uint32_t s = 0; s < 3; s++) {
		plan->lengths[s] = lengths[s];
		plan->steps[0].seqs[s] = (struct model_rows){ s, 0, lengths[s] - DECODED };
		for (uint32_t d = 0; d < DECODED; d++)
			plan->steps[1 + d].seqs[s] =
				(struct model_rows){ s, lengths[s] - DECODED + d, 1 };
	}
	for (uint32_t i = 0; i < plan->n_steps; i++)
		plan->steps[i].n_seqs = 3;
}

/* One sequence alone. */
static void plan_alone(struct model_plan *plan, uint32_t name)
{
	for (uint32_t i = 0; i < plan->n_steps; i++) {
		plan->steps[i].seqs[0] = plan->steps[i].seqs[name];
		plan->steps[i].n_seqs = 1;
	}
	for (uint32_t s = 0; s < 3; s++)
		if (s != name)
			plan->lengths[s] = 0;
}

static void plan_order(struct model_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_steps; i++) {
		struct model_rows first = plan->steps[i].seqs[0];

		plan->steps[i].seqs[0] = plan->steps[i].seqs[2];
		plan->steps[i].seqs[2] = plan->steps[i].seqs[1];
		plan->steps[i].seqs[1] = first;
	}
}

/* Everything in pieces of `size` rows, all sequences side by side. */
static void plan_chunks(struct model_plan *plan, uint32_t size)
{
	uint32_t done[3] = { 0 }, n = 0;

	memset(plan->steps, 0, sizeof(plan->steps));
	for (plan->n_steps = 0; plan->n_steps < MODEL_STEPS; plan->n_steps++) {
		struct model_step *step = &plan->steps[plan->n_steps];

		for (uint32_t s = 0; s < 3; s++) {
			n = lengths[s] - done[s] < size ? lengths[s] - done[s] : size;
			if (!n)
				continue;
			step->seqs[step->n_seqs++] = (struct model_rows){ s, done[s], n };
			done[s] += n;
		}
		if (!step->n_seqs)
			break;
	}
}

static void plan_padding(struct model_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_steps; i++)
		plan->steps[i].padding = 1 + 3 * i;
}

/* The axes. `change` makes the variant of the base plan; `how` of the usual run. */
struct axis {
	const char *name, *what;
	void (*change)(struct model_plan *plan, uint32_t n);
	bool graph;
	uint32_t queues, n;
	bool full_only;
};

static void change_alone(struct model_plan *plan, uint32_t n)
{
	plan_alone(plan, n);
}

static void change_order(struct model_plan *plan, uint32_t n)
{
	(void)n;
	plan_order(plan);
}

static void change_chunks(struct model_plan *plan, uint32_t n)
{
	plan_chunks(plan, n);
}

static void change_pages(struct model_plan *plan, uint32_t n)
{
	plan->page_order = 7;
	plan->page_size = n;
}

static void change_padding(struct model_plan *plan, uint32_t n)
{
	(void)n;
	plan_padding(plan);
}

static void change_nothing(struct model_plan *plan, uint32_t n)
{
	(void)plan;
	(void)n;
}

static const struct axis axes[] = {
	{ "alone-0", "the first sequence alone", change_alone, .n = 0 },
	{ "alone-1", "the second sequence alone", change_alone, .n = 1 },
	{ "alone-2", "the third sequence alone", change_alone, .n = 2 },
	{ "order", "the sequences in another order", change_order },
	{ "chunks-1", "one token at a time", change_chunks, .n = 1, .full_only = true },
	{ "chunks-7", "prefill in pieces of 7", change_chunks, .n = 7 },
	{ "chunks-64", "prefill in pieces of 64", change_chunks, .n = 64 },
	{ "pages", "another order of the pages", change_pages, .n = 16 },
	{ "page-size-1", "pages of one key", change_pages, .n = 1 },
	{ "page-size-64", "pages of 64 keys", change_pages, .n = 64 },
	{ "padding", "padding rows behind the batch", change_padding },
	{ "graph", "replay of a captured graph", change_nothing, .graph = true },
	{ "queues", "ops on two queues in turn", change_nothing, .queues = 2 },
};

static int run_axis(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	const struct axis *axis = job->arg;
	struct conform_key key =
		conform_key_of(c->options.seed, aios_profile_info_of(job->profile).name);
	struct prog_how how = conform_how(0), other = conform_how(1);
	struct outcome base, variant;
	struct model_plan plan = { 0 };
	int rc;

	model_shape_pick(key, job->profile, &plan.shape);
	plan_base(&plan);
	model_describe(&plan, r->shape, sizeof(r->shape));
	memset(&variant, 0, sizeof(variant));
	rc = run_plan(c, key, &plan, &how, &base);
	if (rc || !conform_ran(&base.result, "query_op says NO", r))
		goto out;
	axis->change(&plan, axis->n);
	other.graph = axis->graph;
	other.queues = axis->queues ? axis->queues : 1;
	rc = run_plan(c, key, &plan, &other, &variant);
	if (rc || !conform_ran(&variant.result, axis->what, r))
		goto out;
	r->ns = variant.result.ns;
	if (axis->change == change_nothing)
		compare_all(&variant, &base, axis->what, r);
	else
		compare_outcomes(&variant, &base, axis->what, r);
	if (r->status == AIOS_CONFORM_PASS)
		prog_digest(&variant.p, &variant.result, r->digest);
out:
	outcome_finish(&variant);
	outcome_finish(&base);
	return rc;
}

/* --- the list --------------------------------------------------------------------------- */

static int add_rows(struct aios_conform *c, const struct gen *g, uint32_t profile, const char *set)
{
	struct conform_job job = { .level = 4, .profile = profile, .gen = g, .run = run_batch_rows };
	uint32_t n = c->options.quick ? 4 : 24;
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		job.index = i;
		rc = conform_add(c, &job, "l4/rows-%s/%s/%u", g->name, set, i);
	}
	return rc;
}

static int add_axes(struct aios_conform *c, uint32_t profile)
{
	struct conform_job job = { .level = 4, .profile = profile, .run = run_axis };
	int rc = 0;

	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]) && !rc; i++) {
		job.arg = &axes[i];
		if (!c->options.quick || !axes[i].full_only)
			rc = conform_add(c, &job, "l4/%s/%s", axes[i].name,
					 aios_profile_info_of(profile).name);
	}
	return rc;
}

int conform_level4(struct aios_conform *c)
{
	int rc = 0;

	for (size_t i = 0; i < gen_n && !rc; i++) {
		const struct gen *g = gen_all[i];

		if (rows_param(g) < 0 || !(c->dut.dev->info.op_types >> g->type & 1))
			continue;
		if (!g->profiled)
			rc = add_rows(c, g, AIOS_PROFILE_FMA32, "any");
		for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && g->profiled && !rc; p++)
			if (conform_has_profile(c, p))
				rc = add_rows(c, g, p, aios_profile_info_of(p).name);
	}
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && !rc; p++)
		if (conform_has_profile(c, p))
			rc = add_axes(c, p);
	return rc ? rc : conform_edges_graph(c);
}
