// SPDX-License-Identifier: Apache-2.0
#include "hook_bed.h"

#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/numerics.h>

#include "core/lib/clock.h"
#include "core/module/kinds.h"
#include "env.h"

#define HEADS 4u
#define KV_HEADS 2u
#define HEAD_DIM 32u
#define TABLE_ROWS 64u

static void keep_log(void *ctx, int level, const char *message)
{
	struct bed *b = ctx;
	int n = snprintf(b->log + b->logged, sizeof(b->log) - b->logged, "%d %s\n", level, message);

	if (n > 0 && (size_t)n < sizeof(b->log) - b->logged)
		b->logged += (size_t)n;
}

static const char *no_param(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "threads") == 0 ? "1" : NULL;
}

static const struct aios_module *load(const char *name, void **library)
{
	const struct aios_module *module;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/lib/aios/drivers/%s.so", env_build(), name);
	*library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*library)
		return NULL;
	module = dlsym(*library, "aios_module");
	ck_assert_msg(module != NULL, "%s exports no aios_module", path);
	return module;
}

bool bed_open(struct bed *b)
{
	const struct aios_module *module;

	memset(b, 0, sizeof(*b));
	b->host = (struct aios_host){
		.size = sizeof(b->host), .ctx = b, .log = keep_log, .param = no_param
	};
	module = load("cpu-ref", &b->layers[0].library);
	if (!module) {
		printf("skipped: cpu-ref is no file of this build\n");
		return false;
	}
	b->layers[0].ops = kind_copy_ops(kind_get(AIOS_KIND_DRIVER), module->ops);
	ck_assert_ptr_nonnull(b->layers[0].ops);
	ck_assert_int_eq(b->layers[0].ops->open(&b->host, 0, &b->layers[0].dev, &b->st), 0);
	b->n = 1;
	return true;
}

int bed_hook(struct bed *b, const char *name, const char *args)
{
	struct bed_layer *below = &b->layers[b->n - 1], *layer = &b->layers[b->n];
	const struct aios_module *module = load(name, &layer->library);
	struct aios_hook_attach attach = { .size = sizeof(attach), .args = args };
	const struct aios_hook_ops *hook;
	char reference[64] = "";
	int rc = 0;

	ck_assert_msg(module != NULL, "%s.so is missing", name);
	hook = module->ops;
	aios_status_clear(&b->st);
	attach.device = (struct aios_below){ below->ops, below->dev, "cpu-ref" };
	if (hook->reference)
		rc = hook->reference(args, reference, &b->st);
	if (rc == 0 && reference[0]) {
		ck_assert_int_eq(b->layers[0].ops->open(&b->host, 0, &layer->reference, &b->st), 0);
		attach.reference =
			(struct aios_below){ b->layers[0].ops, layer->reference, "reference" };
	}
	if (rc == 0)
		rc = hook->wrap(&b->host, &attach, &layer->dev, &b->st);
	if (rc < 0) {
		if (layer->reference)
			b->layers[0].ops->close(layer->reference);
		dlclose(layer->library);
		memset(layer, 0, sizeof(*layer));
		return rc;
	}
	layer->ops = kind_copy_ops(kind_get(AIOS_KIND_DRIVER), hook->ops);
	ck_assert_ptr_nonnull(layer->ops);
	b->n++;
	return 0;
}

const struct aios_driver_ops *bed_ops(const struct bed *b)
{
	return b->layers[b->n - 1].ops;
}

void *bed_dev(const struct bed *b)
{
	return b->layers[b->n - 1].dev;
}

void bed_queue(struct bed *b)
{
	ck_assert_int_eq(bed_ops(b)->queue_create(bed_dev(b), &b->queue, &b->st), 0);
}

void bed_close(struct bed *b)
{
	if (b->queue)
		bed_sync(b);
	for (uint32_t i = 0; i < b->n_bufs; i++)
		if (b->bufs[i].addr)
			bed_ops(b)->mem_free(bed_dev(b), &b->bufs[i]);
	if (b->queue)
		bed_ops(b)->queue_destroy(bed_dev(b), b->queue);
	bed_ops(b)->quiesce(bed_dev(b), clock_ns() + 1000000000u, NULL);
	while (b->n > 0) {
		struct bed_layer *layer = &b->layers[--b->n];

		layer->ops->close(layer->dev);
		if (layer->reference)
			b->layers[0].ops->close(layer->reference);
		if (b->n > 0)
			free(layer->ops);
		dlclose(layer->library);
	}
	free(b->layers[0].ops);
}

aios_addr bed_alloc(struct bed *b, uint64_t bytes, uint8_t fill)
{
	struct aios_mem *mem = &b->bufs[b->n_bufs];

	ck_assert_uint_lt(b->n_bufs, BED_BUFS);
	ck_assert_msg(bed_ops(b)->mem_alloc(bed_dev(b), AIOS_HEAP_DEVICE, bytes, mem, &b->st) == 0,
		      "%s", b->st.message);
	memset(mem->host, fill, bytes);
	b->n_bufs++;
	return mem->addr;
}

aios_addr bed_upload(struct bed *b, const void *data, uint64_t bytes)
{
	aios_addr addr = bed_alloc(b, bytes, 0);

	memcpy(b->bufs[b->n_bufs - 1].host, data, bytes);
	return addr;
}

int bed_launch(struct bed *b, const struct aios_op *op)
{
	aios_status_clear(&b->st);
	return bed_ops(b)->launch(bed_dev(b), b->queue, op, &b->st);
}

void bed_sync(struct bed *b)
{
	uint64_t value = 0;

	ck_assert_int_eq(bed_ops(b)->signal(bed_dev(b), b->queue, &value, &b->st), 0);
	ck_assert_int_eq(bed_ops(b)->wait(bed_dev(b), b->queue, value, clock_ns() + 10000000000u,
					  &b->st),
			 0);
}

unsigned bed_says(const struct bed *b, const char *text)
{
	unsigned n = 0;

	for (const char *at = strstr(b->log, text); at; at = strstr(at + 1, text))
		n++;
	return n;
}

/* ---- operands -------------------------------------------------------------------- */

static float number(uint32_t seed, uint32_t i)
{
	uint32_t x = (seed * 2654435761u) ^ (i * 2246822519u);

	x ^= x >> 15;
	x *= 2654435761u;
	x ^= x >> 13;
	return (float)(int32_t)(x % 2001u) / 1000.0f - 1.0f;
}

struct aios_tensor bed_tensor(struct bed *b, uint32_t dtype, uint32_t rows, uint32_t cols,
			      uint32_t seed)
{
	struct aios_tensor t = { .dtype = dtype, .rows = rows, .cols = cols };
	uint32_t size = aios_dtype_bytes(dtype);
	uint8_t *host;

	t.row_bytes = ((uint64_t)cols * size + 15) / 16 * 16;
	t.data = bed_alloc(b, t.row_bytes * rows, 0);
	host = b->bufs[b->n_bufs - 1].host;
	for (uint32_t i = 0; i < rows * cols; i++) {
		uint8_t *at = host + i / cols * t.row_bytes + (size_t)(i % cols) * size;
		float f = number(seed, i);
		uint16_t h = aios_f32_to_bf16(f);

		memcpy(at, size == 4 ? (void *)&f : (void *)&h, size);
	}
	return t;
}

struct aios_op_matmul bed_matmul(struct bed *b, uint32_t rows, uint32_t n, uint32_t k)
{
	struct aios_op_matmul op = {
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.mid_type = AIOS_F32,
		.segments = 1,
	};

	op.x = bed_tensor(b, AIOS_BF16, rows, k, 1);
	op.w = bed_tensor(b, AIOS_BF16, n, k, 2);
	op.out = bed_tensor(b, AIOS_F32, rows, n, 3);
	return op;
}

static int32_t *ints(struct bed *b, uint32_t n, aios_addr *addr)
{
	*addr = bed_alloc(b, n * sizeof(int32_t), 0);
	return b->bufs[b->n_bufs - 1].host;
}

struct bed_cache bed_cache(struct bed *b, uint32_t rows, uint32_t first, uint32_t n_pages,
			   uint32_t page_size)
{
	struct bed_cache c = {
		.batch = { .n_tokens = rows,
			   .n_seqs = 1,
			   .max_blocks = n_pages,
			   .max_q = rows,
			   .max_kv = first + rows },
		.kv = { .dtype = AIOS_BF16,
			.n_pages = n_pages,
			.page_size = page_size,
			.n_kv_heads = KV_HEADS,
			.head_dim = HEAD_DIM },
	};
	int32_t *seq_ids, *seq_start, *seq_len;

	c.positions = ints(b, rows, &c.batch.positions);
	seq_ids = ints(b, rows, &c.batch.seq_ids);
	seq_start = ints(b, 2, &c.batch.seq_start);
	seq_len = ints(b, 1, &c.batch.seq_len);
	c.table = ints(b, n_pages, &c.batch.block_table);
	for (uint32_t i = 0; i < rows; i++) {
		c.positions[i] = (int32_t)(first + i);
		seq_ids[i] = 0;
	}
	seq_start[1] = (int32_t)rows;
	seq_len[0] = (int32_t)(first + rows);
	for (uint32_t i = 0; i < n_pages; i++) /* backwards: pages are not blocks */
		c.table[i] = (int32_t)(n_pages - 1 - i);
	c.kv.k = bed_tensor(b, AIOS_BF16, n_pages, KV_HEADS * page_size * HEAD_DIM, 4).data;
	c.kv.v = bed_tensor(b, AIOS_BF16, n_pages, KV_HEADS * page_size * HEAD_DIM, 5).data;
	return c;
}

struct aios_op_rope_kv bed_rope_kv(struct bed *b, const struct bed_cache *c)
{
	struct aios_op_rope_kv op = {
		.op = AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV),
		.eps = 1e-6f,
		.batch = c->batch,
		.kv = c->kv,
		.n_heads = HEADS,
		.rot_dim = HEAD_DIM,
		.table_rows = TABLE_ROWS,
	};

	op.qkv = bed_tensor(b, AIOS_F32, c->batch.n_tokens, (HEADS + 2 * KV_HEADS) * HEAD_DIM, 6);
	op.q = bed_tensor(b, AIOS_BF16, c->batch.n_tokens, HEADS * HEAD_DIM, 7);
	op.cos = bed_tensor(b, AIOS_F32, TABLE_ROWS, HEAD_DIM / 2, 8).data;
	op.sin = bed_tensor(b, AIOS_F32, TABLE_ROWS, HEAD_DIM / 2, 9).data;
	return op;
}

struct aios_op_attention bed_attention(struct bed *b, const struct bed_cache *c)
{
	struct aios_op_attention op = {
		.op = AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION),
		.n_heads = HEADS,
		.batch = c->batch,
		.kv = c->kv,
		.scale = 0.125f,
		.scale_log2 = 0.18f,
		.chunk = 256,
	};

	op.q = bed_tensor(b, AIOS_BF16, c->batch.n_tokens, HEADS * HEAD_DIM, 10);
	op.out = bed_tensor(b, AIOS_F32, c->batch.n_tokens, HEADS * HEAD_DIM, 11);
	return op;
}

/* ---- files ------------------------------------------------------------------------- */

static char folder[PATH_MAX / 2];

void bed_folder_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.500s/aios-hooks-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

const char *bed_file(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

void bed_folder_end(void)
{
	struct dirent *entry;
	DIR *d = opendir(folder);

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
	ck_assert_int_eq(rmdir(folder), 0);
}
