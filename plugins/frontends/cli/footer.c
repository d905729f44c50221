/* SPDX-License-Identifier: Apache-2.0 */
/* footer.c - the statistics under an answer. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "footer.h"
#include "out.h"
#include "text.h"

/* Facts that are kept whole when lines are broken. */
struct facts {
	char text[12][80];
	unsigned n;
};

static double seconds(uint64_t from, uint64_t to)
{
	return from && to > from ? (double)(to - from) / 1e9 : 0;
}

static double rate(uint32_t tokens, double time)
{
	return time > 0 ? tokens / time : 0;
}

struct timings timings_of(const struct aios_usage *usage, const struct aios_stats *stats)
{
	uint32_t computed = usage->prompt_tokens - usage->cached_tokens;
	uint32_t after_first = usage->completion_tokens ? usage->completion_tokens - 1 : 0;
	struct timings t = {
		.load = (double)stats->load_ns / 1e9,
		.first_token = seconds(usage->submitted, usage->first_token),
		.prompt_rate = rate(computed, seconds(usage->started, usage->first_token)),
		.generation = seconds(usage->first_token, usage->finished),
	};

	t.generation_rate = rate(after_first, t.generation);
	return t;
}

json_t *timings_json(const struct timings *t)
{
	json_t *object = json_object();

	json_put(&object, "load_s", json_number(t->load));
	json_put(&object, "first_token_s", json_number(t->first_token));
	json_put(&object, "prompt_tokens_per_s", json_number(t->prompt_rate));
	json_put(&object, "generation_s", json_number(t->generation));
	json_put(&object, "generation_tokens_per_s", json_number(t->generation_rate));
	return object;
}

static void add(struct facts *facts, const char *fmt, ...) AIOS_PRINTF(2, 3);

static void add(struct facts *facts, const char *fmt, ...)
{
	va_list ap;

	if (facts->n == sizeof(facts->text) / sizeof(facts->text[0]))
		return;
	va_start(ap, fmt);
	vsnprintf(facts->text[facts->n++], sizeof(facts->text[0]), fmt, ap);
	va_end(ap);
}

/* 3 digits are enough: 0.0421, 5.31, 45.2, 1204. */
static const char *number(char out[HUMAN], double value)
{
	snprintf(out, HUMAN,
		 value < 1   ? "%.3f" :
		 value < 10  ? "%.2f" :
		 value < 100 ? "%.1f" :
			       "%.0f",
		 value);
	return out;
}

static void collect(struct facts *facts, const struct aios_plan *plan,
		    const struct aios_usage *usage, const struct aios_stats *stats)
{
	struct timings t = timings_of(usage, stats);
	char a[HUMAN], b[HUMAN];

	add(facts, "prompt %u token%s, %s t/s", usage->prompt_tokens,
	    usage->prompt_tokens == 1 ? "" : "s", number(a, t.prompt_rate));
	if (usage->cached_tokens)
		add(facts, "%u of them cached", usage->cached_tokens);
	if (usage->completion_tokens)
		add(facts, "first token %s s", number(a, t.first_token));
	add(facts, "answer %u token%s, %s t/s", usage->completion_tokens,
	    usage->completion_tokens == 1 ? "" : "s", number(a, t.generation_rate));
	if (stats->drafted_tokens)
		add(facts, "guessed %" PRIu64 ", %s %% right", stats->drafted_tokens,
		    number(a,
			   100.0 * (double)stats->accepted_tokens / (double)stats->drafted_tokens));
	add(facts, "load %s s", number(a, t.load));
	add(facts, "memory peak %s", human_bytes(b, stats->memory_peak));
	add(facts, "%.31s %.40s", plan->driver, plan->device);
	add(facts, "numerics %.63s", plan->numerics_id);
}

void footer_print(const struct terminal *term, const struct aios_plan *plan,
		  const struct aios_usage *usage, const struct aios_stats *stats)
{
	size_t width = terminal_columns(STDERR_FILENO), column = 0;
	struct facts facts = { 0 };

	collect(&facts, plan, usage, stats);
	fprintf(stderr, "\n%s", style_on(term->color, STYLE_DIM));
	for (unsigned i = 0; i < facts.n; i++) {
		size_t len = strlen(facts.text[i]);

		/* The separator stays on the line that it ends. */
		if (column && column + 3 + len + 2 > width) {
			fputs(" |\n", stderr);
			column = 0;
		}
		fprintf(stderr, "%s%s", column ? " | " : "", facts.text[i]);
		column += len + (column ? 3 : 0);
	}
	fprintf(stderr, "%s\n", style_off(term->color));
}
