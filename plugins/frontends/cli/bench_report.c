/* SPDX-License-Identifier: Apache-2.0 */
/* bench_report.c - rows of results as a Markdown table, CSV or JSON. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench.h"

void report_init(struct report *r, const struct cli *cli, const struct report_column *columns)
{
	*r = (struct report){ .columns = columns, .top = json_object(), .rows = json_array() };
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		r->form = REPORT_JSON;
	else if (cli_flag(cli, AIOS_SECTION_COMMAND, "csv"))
		r->form = REPORT_CSV;
}

void report_finish(struct report *r)
{
	json_decref(r->top);
	json_decref(r->rows);
	*r = (struct report){ 0 };
}

void report_fact(struct report *r, const char *key, json_t *value, const char *fmt, ...)
{
	char line[400];
	va_list ap;

	json_put(&r->top, key, value);
	if (r->form != REPORT_MD || !fmt)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	out_printf("%s\n", line);
}

static void heading(struct report *r)
{
	const struct report_column *c;

	if (r->begun)
		return;
	r->begun = true;
	for (c = r->columns; c->key && r->form == REPORT_CSV; c++)
		out_printf("%s%s", c == r->columns ? "" : ",", c->key);
	if (r->form == REPORT_CSV)
		out_printf("\n");
	if (r->form != REPORT_MD)
		return;
	out_printf("\n");
	for (c = r->columns; c->key; c++)
		if (c->title)
			out_printf("| %-*s ", c->width, c->title);
	out_printf("|\n");
	for (c = r->columns; c->key; c++)
		if (c->title)
			out_printf("|%.*s%s", c->width + (c->digits < 0 ? 2 : 1),
				   "------------------------------------------------------------"
				   "------------------------------------------------------------",
				   c->digits < 0 ? "" : ":");
	out_printf("|\n");
}

static void print_md(const struct report_column *c, const json_t *value)
{
	double number = json_number_value(value) * (c->scale > 0 ? c->scale : 1);

	if (!c->title)
		return;
	if (json_is_string(value))
		out_printf("| %-*s ", c->width, json_string_value(value));
	else if (json_is_number(value))
		out_printf("| %*.*f ", c->width, c->digits < 0 ? 0 : c->digits, number);
	else
		out_printf("| %*s ", c->width, "");
}

static void print_csv(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		out_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_number(value))
		out_printf("%.9g", json_number_value(value));
	else if (json_is_boolean(value))
		out_printf("%s", json_is_true(value) ? "true" : "false");
	else if (text && strpbrk(text, ",\""))
		out_printf("\"%s\"", text); /* texts of ours have no quotes */
	else
		out_printf("%s", text ? text : "");
}

void report_row(struct report *r, json_t *row)
{
	const struct report_column *c;

	heading(r);
	for (c = r->columns; c->key; c++) {
		const json_t *value = json_object_get(row, c->key);

		if (r->form == REPORT_MD)
			print_md(c, value);
		if (r->form == REPORT_CSV) {
			out_printf("%s", c == r->columns ? "" : ",");
			print_csv(value);
		}
	}
	if (r->form == REPORT_MD)
		out_printf("|\n");
	if (r->form == REPORT_CSV)
		out_printf("\n");
	if (r->form != REPORT_JSON)
		out_write("", 0); /* a long run is watched */
	json_add(&r->rows, row);
}

int report_end(struct report *r, struct aios_status *st)
{
	json_t *top = r->top;

	if (r->form != REPORT_JSON)
		return 0;
	json_put(&top, "results", r->rows);
	r->rows = NULL;
	r->top = NULL;
	return out_json(top, 2, st);
}
