// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

struct file {
	char *bytes;
	size_t size;
	json_t *header;
	const char *data; /* after the header */
};

static char *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *bytes;
	long n;

	if (!f)
		return NULL;
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	ck_assert_int_gt(n, 8);
	rewind(f);
	bytes = malloc((size_t)n);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, (size_t)n, f), (size_t)n);
	fclose(f);
	*size = (size_t)n;
	return bytes;
}

/* A copy of tensor NAME.INDEX as 4-byte elements (I64 is narrowed), or NULL. */
static void *tensor(const struct file *f, const char *name, size_t index, size_t *rows,
		    size_t *cols)
{
	char key[64];
	const json_t *t, *shape, *offsets;
	const char *dtype;
	size_t begin, end, n = 1;
	uint32_t *out;

	snprintf(key, sizeof(key), "%s.%zu", name, index);
	t = json_object_get(f->header, key);
	if (!t)
		return NULL;
	shape = json_object_get(t, "shape");
	offsets = json_object_get(t, "data_offsets");
	dtype = json_string_value(json_object_get(t, "dtype"));
	begin = (size_t)json_integer_value(json_array_get(offsets, 0));
	end = (size_t)json_integer_value(json_array_get(offsets, 1));
	ck_assert_uint_le(end, f->size - (size_t)(f->data - f->bytes));
	for (size_t d = 0; d < json_array_size(shape); d++)
		n *= (size_t)json_integer_value(json_array_get(shape, d));
	*rows = (size_t)json_integer_value(json_array_get(shape, 0));
	*cols = *rows ? n / *rows : 0;
	out = malloc(n * 4 + 4);
	ck_assert_ptr_nonnull(out);
	if (strcmp(dtype, "I64") == 0) {
		ck_assert_uint_eq(end - begin, n * 8);
		for (size_t i = 0; i < n; i++)
			memcpy(&out[i], f->data + begin + i * 8, 4);
	} else {
		ck_assert_msg(strcmp(dtype, "F32") == 0 || strcmp(dtype, "I32") == 0, "%s is %s",
			      key, dtype);
		ck_assert_uint_eq(end - begin, n * 4);
		memcpy(out, f->data + begin, n * 4);
	}
	return out;
}

static void load_prompt(const struct file *f, size_t i, struct golden_prompt *p)
{
	size_t one, rows;

	p->fp32 = tensor(f, "logits_fp32", i, &p->rows, &p->vocab);
	p->bf16 = tensor(f, "logits_bf16", i, &rows, &one);
	p->greedy = tensor(f, "greedy", i, &p->n_greedy, &one);
	p->margin = tensor(f, "margin", i, &rows, &one);
	ck_assert_msg(p->fp32 && p->bf16 && p->greedy && p->margin, "prompt %zu is incomplete", i);
}

struct golden *golden_load(const char *path)
{
	struct golden *g;
	struct file f;
	uint64_t header;
	size_t one;

	f.bytes = read_file(path, &f.size);
	if (!f.bytes)
		return NULL;
	memcpy(&header, f.bytes, 8);
	ck_assert_uint_le(header, f.size - 8);
	f.header = json_loadb(f.bytes + 8, header, 0, NULL);
	ck_assert_ptr_nonnull(f.header);
	f.data = f.bytes + 8 + header;
	g = calloc(1, sizeof(*g));
	ck_assert_ptr_nonnull(g);
	while (g->n_prompts < GOLDEN_MAX_PROMPTS) {
		struct golden_prompt *p = &g->prompts[g->n_prompts];

		p->ids = tensor(&f, "ids", g->n_prompts, &p->n_ids, &one);
		if (!p->ids)
			break;
		if (one > 1) /* [1][n] */
			p->n_ids *= one;
		load_prompt(&f, g->n_prompts, p);
		g->n_prompts++;
	}
	ck_assert_uint_gt(g->n_prompts, 0);
	json_decref(f.header);
	free(f.bytes);
	return g;
}

void golden_free(struct golden *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_prompts; i++) {
		free(g->prompts[i].ids);
		free(g->prompts[i].fp32);
		free(g->prompts[i].bf16);
		free(g->prompts[i].greedy);
		free(g->prompts[i].margin);
	}
	free(g);
}
