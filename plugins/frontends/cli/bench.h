/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - what the parts of `aios bench` share: lists of numbers, the device's
 * rates, and a report that is a Markdown table, CSV or JSON.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <aios/bench.h>

#include "cli.h"
#include "out.h"

/* ---- report (bench_report.c) -------------------------------------------------- */

enum report_form {
	REPORT_MD,
	REPORT_CSV,
	REPORT_JSON
};

/* One column. A list of them ends with key NULL. */
struct report_column {
	const char *key;   /* of a row's value in JSON, and CSV's heading */
	const char *title; /* Markdown's heading; NULL: not in the Markdown table */
	int width;         /* of the Markdown column */
	int digits;        /* after the point; -1: text */
	double scale;      /* what the Markdown shows of a number; 0: 1 */
};

/* Rows are written as they come, but for JSON, which is written at the end. */
struct report {
	enum report_form form;
	const struct report_column *columns;
	json_t *top, *rows;
	bool begun; /* the heading is out */
};

void report_init(struct report *r, const struct cli *cli, const struct report_column *columns);
void report_finish(struct report *r); /* takes a zeroed report */

/* A fact about the run: into JSON's top level under `key`, and a line above the Markdown table. */
void report_fact(struct report *r, const char *key, json_t *value, const char *fmt, ...)
	AIOS_PRINTF(4, 5);

/* A row; the object is taken over. */
void report_row(struct report *r, json_t *row);

/* JSON out; for the others nothing is left to do. */
int report_end(struct report *r, struct aios_status *st);

/* ---- bench.c -------------------------------------------------------------------- */

enum {
	BENCH_LIST = 32 /* longest list of numbers */
};

struct bench_list {
	uint32_t n;
	uint32_t of[BENCH_LIST];
	uint32_t times[BENCH_LIST]; /* NxM: N, else 1 */
};

/* Read a list such as "1,8,64" from an option; with `pairs` also "64x128". Usage errors name the option. */
int bench_list(const struct cli *cli, const char *key, bool pairs, uint32_t least,
	       struct bench_list *out, struct aios_status *st);

/* The same, of the text (bench_list.c); NULL is the empty list. */
int bench_list_read(const char *text, const char *key, bool pairs, uint32_t least,
		    struct bench_list *out, struct aios_status *st);

/* The path that the engine opens for --shape or -m, or NULL when neither is given. Valid until the next call. */
const char *bench_model(const struct cli *cli);

/* Set a key of [engine] unless the user did. */
int bench_engine_default(struct cli *cli, const char *key, uint64_t value, struct aios_status *st);

/* Load a model, with progress on standard error; facts about its plan and how fast it came. */
int bench_load(struct cli *cli, const char *path, struct aios_engine **engine,
	       struct report *report, struct aios_status *st);

/* A bench with the options of the command line. */
int bench_open(struct cli *cli, struct aios_bench **out, struct aios_status *st);

/* The rates, measured unless --no-rates, with --read-rate and --matmul-rate in their place; facts of the report. */
int bench_rates(const struct cli *cli, struct aios_bench *bench, uint32_t profile,
		struct aios_bench_rates *rates, struct report *report, struct aios_status *st);

/* Facts about the device and the run. */
void bench_facts(struct aios_bench *bench, uint32_t profile, struct report *report);

/* ---- loads (bench_load.c) ---------------------------------------------------------- */

/* Requests that are submitted together. */
struct load {
	uint32_t n;
	int32_t **ids;     /* [n]: prompts */
	uint32_t *prompt;  /* [n]: their lengths */
	uint32_t *output;  /* [n]: tokens to generate, exactly */
	uint32_t mark;     /* the time of this token of each request is kept, counted from 1 */
	float temperature; /* 0: greedy */
};

/* What became of them. Times: clock_ns(). */
struct flight {
	uint64_t began, ended;
	uint64_t *first;    /* [n]: of each request's first token */
	uint64_t *marked;   /* [n]: of its token number `mark` */
	uint64_t first_end; /* of the first request that ended */
	uint64_t prompt_tokens, output_tokens, cached_tokens, preemptions;
	uint32_t pages_peak, pages_total;
	double pages_mean; /* of samples at each hundredth token */
	uint64_t steps;
	uint64_t guessed, right; /* tokens guessed and verified; of them right */
};

/* Arrays for `n` requests; prompts are filled by the caller. */
int load_init(struct load *l, uint32_t n, struct aios_status *st);
void load_finish(struct load *l); /* takes a zeroed load */

/* `n` requests of one length with random ids below `vocab`. */
int load_even(struct load *l, uint32_t n, uint32_t prompt, uint32_t output, uint32_t vocab,
	      uint64_t seed, struct aios_status *st);

/* Submit all and wait until all have ended. flight_finish() takes a zeroed flight. */
int load_fly(const struct load *l, struct aios_engine *engine, struct flight *out,
	     struct aios_status *st);
void flight_finish(struct flight *f);

/* ---- the parts -------------------------------------------------------------------- */

int bench_op_main(struct cli *cli, struct aios_status *st);
int bench_engine_main(struct cli *cli, struct aios_status *st);
int bench_offline_main(struct cli *cli, struct aios_status *st);
int bench_start_main(struct cli *cli, struct aios_status *st);

#endif /* CLI_BENCH_H */
