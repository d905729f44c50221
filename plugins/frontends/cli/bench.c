/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - aios bench: which part of it is meant, and what the parts share. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "bench.h"
#include "text.h"

int bench_list(const struct cli *cli, const char *key, bool pairs, uint32_t least,
	       struct bench_list *out, struct aios_status *st)
{
	return bench_list_read(cli_text(cli, AIOS_SECTION_COMMAND, key), key, pairs, least, out,
			       st);
}

const char *bench_model(const struct cli *cli)
{
	static char path[256];
	const char *shape = cli_text(cli, AIOS_SECTION_COMMAND, "shape");

	if (!shape)
		return cli_text(cli, "aios", "model");
	snprintf(path, sizeof(path), "shape:%s", shape);
	return path;
}

int bench_engine_default(struct cli *cli, const char *key, uint64_t value, struct aios_status *st)
{
	char text[32];
	int rc;

	if (aios_config_is_set(cli->config, "engine", key))
		return 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	rc = cli_boot(cli, st);
	return rc ? rc :
		    aios_config_set(cli->config, "engine", key, text, AIOS_CONFIG_CLI, "aios bench",
				    st);
}

static void bytes_fact(struct report *r, const char *key, uint64_t bytes)
{
	report_fact(r, key, json_integer((json_int_t)bytes), NULL);
}

/* When which bytes had arrived, to know the rate without what comes before. */
struct arrival {
	struct terminal *term;
	uint64_t first_ns, last_ns, first, last;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct arrival *a = ctx;

	a->last_ns = clock_ns();
	a->last = done;
	if (!a->first_ns) {
		a->first_ns = a->last_ns;
		a->first = done;
	}
	terminal_progress(a->term, done, total);
}

static void plan_facts(struct aios_engine *engine, const struct arrival *a, struct report *report)
{
	const struct aios_plan *p = aios_engine_plan(engine);
	struct aios_stats s = { .size = sizeof(s) };
	char total[HUMAN], weights[HUMAN], kv[HUMAN], act[HUMAN];
	double rate = a->last_ns > a->first_ns ? (double)(a->last - a->first) * 1e9 /
							 (double)(a->last_ns - a->first_ns) :
						 0;

	aios_engine_stats(engine, &s);
	report_fact(report, "model", json_text(p->model, strlen(p->model)),
		    "%s on %s, %s: %s of memory: weights %s, KV cache %s (%u pages of %u tokens), "
		    "activations %s; loaded in %.2f s, weights at %.1f GB/s",
		    p->model, p->device_name, p->numerics_id, human_bytes(total, p->total),
		    human_bytes(weights, p->weights), human_bytes(kv, p->kv_pool), p->kv_pages,
		    p->page_size, human_bytes(act, p->activations), (double)s.load_ns / 1e9,
		    rate / 1e9);
	report_fact(report, "numerics_id", json_string(p->numerics_id), NULL);
	report_fact(report, "load_s", json_real((double)s.load_ns / 1e9), NULL);
	report_fact(report, "load_rate", json_real(rate), NULL);
	bytes_fact(report, "memory_total", p->total);
	bytes_fact(report, "memory_weights", p->weights);
	bytes_fact(report, "memory_kv", p->kv_pool);
	bytes_fact(report, "memory_activations", p->activations);
	bytes_fact(report, "memory_tables", p->tables);
	bytes_fact(report, "kv_pages", p->kv_pages);
	bytes_fact(report, "page_size", p->page_size);
	bytes_fact(report, "max_batch_size", p->max_batch_size);
	bytes_fact(report, "max_batch_tokens", p->max_batch_tokens);
}

int bench_load(struct cli *cli, const char *path, struct aios_engine **engine,
	       struct report *report, struct aios_status *st)
{
	struct arrival a = { .term = &cli->term };
	int rc = cli_boot(cli, st);

	if (rc)
		return rc;
	terminal_progress_begin(&cli->term, "loading");
	rc = aios_engine_open(cli->aios, path, on_progress, &a, engine, st);
	terminal_progress_end(&cli->term);
	if (rc)
		cli_blame_drivers(cli);
	else
		plan_facts(*engine, &a, report);
	return rc;
}

int bench_open(struct cli *cli, struct aios_bench **out, struct aios_status *st)
{
	struct aios_bench_options o = AIOS_BENCH_INIT;
	int rc = cli_boot(cli, st);

	o.samples = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "samples");
	aios_config_get_size(cli->config, AIOS_SECTION_COMMAND, "rotate", &o.rotate);
	o.sample_ns = (uint64_t)(cli_float(cli, AIOS_SECTION_COMMAND, "sample_ms") * 1e6);
	o.seed = (uint64_t)cli_int(cli, "sampling", "seed");
	if (!rc)
		rc = aios_bench_create(cli->aios, &o, out, st);
	if (rc)
		cli_blame_drivers(cli);
	return rc;
}

void bench_facts(struct aios_bench *bench, uint32_t profile, struct report *report)
{
	const struct aios_device_info *d = aios_bench_device(bench);
	const char *name = aios_profile_info_of(profile).name;

	report_fact(report, "version", json_string(aios_version()), NULL);
	report_fact(report, "device", json_string(d->id), NULL);
	report_fact(report, "device_name", json_string(d->name), NULL);
	report_fact(report, "runtime", json_string(d->runtime), "%s (%s), numerics %s", d->name,
		    d->runtime, name);
	report_fact(report, "profile", json_string(name), NULL);
}

/* One line: what was measured, what it stands for. */
static void rate_fact(struct report *r, const char *key, double rate, const char *what)
{
	if (rate > 0)
		report_fact(r, key, json_real(rate), "  %9.1f GB/s  %s", rate / 1e9, what);
	else
		report_fact(r, key, json_null(), NULL);
}

static void rates_facts(const struct aios_bench_rates *rates, bool measured, struct report *report)
{
	if (measured) {
		report_fact(report, "rates", json_true(), "Rates that this driver reaches:");
		rate_fact(report, "copy_rate", rates->copy,
			  "copy inside the device's memory, read + written");
		rate_fact(report, "fill_rate", rates->fill, "fill, written");
		rate_fact(report, "reduce_rate", rates->reduce,
			  "all_reduce of 16 parts, 16 of 17 bytes read");
		rate_fact(report, "argmax_rate", rates->argmax, "argmax over long rows, read");
		rate_fact(report, "stream_rate", rates->stream,
			  "matmul of one row by a large weight, read");
	}
	report_fact(report, "read_rate", json_real(rates->read),
		    "Limits: %.1f GB/s, %.2f TFLOP/s%s", rates->read / 1e9, rates->matmul / 1e12,
		    measured ? "" : " (as given)");
	report_fact(report, "matmul_rate", json_real(rates->matmul), NULL);
	report_fact(report, "matmul_size", json_integer(rates->matmul_size),
		    measured && rates->matmul_size ? "  (matmul of %ux%ux%u)" : NULL,
		    rates->matmul_size, rates->matmul_size, rates->matmul_size);
}

int bench_rates(const struct cli *cli, struct aios_bench *bench, uint32_t profile,
		struct aios_bench_rates *rates, struct report *report, struct aios_status *st)
{
	double read = cli_float(cli, AIOS_SECTION_COMMAND, "read_rate") * 1e9;
	double matmul = cli_float(cli, AIOS_SECTION_COMMAND, "matmul_rate") * 1e12;
	bool measure = cli_flag(cli, AIOS_SECTION_COMMAND, "rates");
	int rc = 0;

	memset(rates, 0, sizeof(*rates));
	rates->profile = profile;
	if (measure)
		rc = aios_bench_rates(bench, profile, rates, st);
	if (read > 0)
		rates->read = read;
	if (matmul > 0)
		rates->matmul = matmul;
	if (!rc && (measure || read > 0 || matmul > 0))
		rates_facts(rates, measure, report);
	return rc;
}

static int unknown_part(const struct cli *cli, struct aios_status *st)
{
	static const char *const parts[] = { "offline", "start" };
	const char *near = aios_suggest(cli->args[0], parts, sizeof(parts) / sizeof(parts[0]));

	if (near)
		return cli_usage(st, "unknown 'bench %s' (did you mean '%s'?)", cli->args[0], near);
	return cli_usage(st,
			 "unknown 'bench %s'; there are 'bench', 'bench offline' and "
			 "'bench start'",
			 cli->args[0]);
}

int bench_main(struct cli *cli, struct aios_status *st)
{
	const char *profile = cli_text(cli, AIOS_SECTION_COMMAND, "profile");
	int rc = 0;

	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json") &&
	    cli_flag(cli, AIOS_SECTION_COMMAND, "csv"))
		return cli_usage(st, "--json and --csv both say what to write");
	if (cli_text(cli, AIOS_SECTION_COMMAND, "shape") && cli_text(cli, "aios", "model"))
		return cli_usage(st, "--shape and -m both name a model");
	if (profile)
		rc = aios_config_set(cli->config, "aios", "numerics", profile, AIOS_CONFIG_CLI,
				     "command line --profile", st);
	if (rc)
		return rc == -ENOMEM ? rc : CLI_USAGE;
	if (cli->n_args && strcmp(cli->args[0], "offline") == 0)
		return bench_offline_main(cli, st);
	if (cli->n_args && strcmp(cli->args[0], "start") == 0)
		return bench_start_main(cli, st);
	if (cli->n_args)
		return unknown_part(cli, st);
	if (cli_text(cli, AIOS_SECTION_COMMAND, "op"))
		return bench_op_main(cli, st);
	if (bench_model(cli))
		return bench_engine_main(cli, st);
	return cli_usage(st, "nothing to measure: give --op OP, --shape NAME or -m DIR");
}
