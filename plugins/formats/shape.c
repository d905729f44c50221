// SPDX-License-Identifier: Apache-2.0
/*
 * shape.c - a checkpoint that is no file: "shape:qwen3-8b" is a model of that shape
 * with random weights, for benchmarks and tests. "shape:tiny,layers=4,seed=2" changes
 * a known shape.
 *
 * The weights are one block of random numbers that is mapped over and over again, so
 * that a model of any size takes BLOCK_BYTES of memory and loads as fast as a file
 * that lies in the cache. Matrices are normal with a standard deviation of 0.02, as
 * trained ones about are; norms are 1. The same name gives the same weights.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <aios/plugin/format.h>

#define PREFIX "shape:"
#define SCORE 100
#define BLOCK_BYTES ((32u << 20) + (20u << 12)) /* whole pages; no power of two: tensors differ */
#define TABLE_SIZE 65536u                       /* numbers to draw from: 16 bits choose one */
#define TENSOR_ALIGN 256u
#define LAYER_TENSORS 14u /* at most */
#define NAME_BYTES 96u
#define CONFIG_BYTES 1024u
#define DEVIATION 0.02
#define MAX_LAYERS 512u

struct shape {
	const char *name, *family;
	uint64_t hidden, layers, heads, kv_heads, head_dim, intermediate, vocab, positions;
	double theta;
	uint64_t tied;
};

static const struct shape shapes[] = {
	{ "tiny", "qwen3", 64, 2, 4, 2, 32, 128, 512, 4096, 1e6, 1 },
	{ "qwen3-0.6b", "qwen3", 1024, 28, 16, 8, 128, 3072, 151936, 40960, 1e6, 1 },
	{ "qwen3-1.7b", "qwen3", 2048, 28, 16, 8, 128, 6144, 151936, 40960, 1e6, 1 },
	{ "qwen3-4b", "qwen3", 2560, 36, 32, 8, 128, 9728, 151936, 40960, 1e6, 1 },
	{ "qwen3-8b", "qwen3", 4096, 36, 32, 8, 128, 12288, 151936, 40960, 1e6, 0 },
	{ "qwen3-14b", "qwen3", 5120, 40, 40, 8, 128, 17408, 151936, 40960, 1e6, 0 },
	{ "qwen3-32b", "qwen3", 5120, 64, 64, 8, 128, 25600, 151936, 40960, 1e6, 0 },
	{ "qwen2.5-0.5b", "qwen2", 896, 24, 14, 2, 64, 4864, 151936, 32768, 1e6, 1 },
	{ "qwen2.5-7b", "qwen2", 3584, 28, 28, 4, 128, 18944, 152064, 32768, 1e6, 0 },
	{ "llama-2-7b", "llama", 4096, 32, 32, 32, 128, 11008, 32000, 4096, 1e4, 0 },
	{ "llama-3.2-1b", "llama", 2048, 16, 32, 8, 64, 8192, 128256, 131072, 5e5, 1 },
	{ "llama-3.2-3b", "llama", 3072, 28, 24, 8, 128, 8192, 128256, 131072, 5e5, 1 },
	{ "llama-3.1-8b", "llama", 4096, 32, 32, 8, 128, 14336, 128256, 131072, 5e5, 0 },
	{ "llama-3.1-70b", "llama", 8192, 80, 64, 8, 128, 28672, 128256, 131072, 5e5, 0 },
	{ "mistral-7b", "mistral", 4096, 32, 32, 8, 128, 14336, 32768, 32768, 1e6, 0 },
};

static const struct family {
	const char *name, *architecture;
	bool qkv_bias, qk_norm;
} families[] = {
	{ "llama", "LlamaForCausalLM", false, false },
	{ "qwen2", "Qwen2ForCausalLM", true, false },
	{ "qwen3", "Qwen3ForCausalLM", false, true },
	{ "mistral", "MistralForCausalLM", false, false },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct shape_ckpt {
	struct aios_checkpoint contents;
	struct shape shape;
	const struct family *family;
	uint64_t seed;
	char *path;
	char config[CONFIG_BYTES];
	struct aios_ckpt_tensor *tensors;
	char (*names)[NAME_BYTES];
	uint32_t n, cap;
	uint64_t bytes;  /* of the matrices, with gaps for alignment */
	uint64_t vector; /* bytes of the longest norm */
	uint8_t *map;    /* the matrices; NULL: metadata only */
	uint8_t *ones;   /* the norms */
};

/* ---- the name ------------------------------------------------------------------- */

static void shape_names(char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < COUNT(shapes) && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", shapes[i].name);
}

static int parse_name(struct shape_ckpt *c, const char *name, size_t len, struct aios_status *st)
{
	char list[400];

	for (size_t i = 0; i < COUNT(shapes); i++) {
		if (strlen(shapes[i].name) == len && memcmp(shapes[i].name, name, len) == 0) {
			c->shape = shapes[i];
			return 0;
		}
	}
	shape_names(list, sizeof(list));
	return aios_fail(st, -ENOENT, "there is no shape '%.*s'; the shapes are %s",
			 len < 64 ? (int)len : 64, name, list);
}

/* One "key=value" of `len` bytes. */
static int parse_change(struct shape_ckpt *c, const char *text, size_t len, struct aios_status *st)
{
	struct shape *s = &c->shape;
	const struct {
		const char *name;
		uint64_t min, max;
		uint64_t *out;
	} keys[] = {
		{ "hidden", 2, 1 << 20, &s->hidden },
		{ "layers", 1, MAX_LAYERS, &s->layers },
		{ "heads", 1, 1024, &s->heads },
		{ "kv_heads", 1, 1024, &s->kv_heads },
		{ "head_dim", 2, 1024, &s->head_dim },
		{ "intermediate", 1, 1 << 20, &s->intermediate },
		{ "vocab", 1, 1 << 24, &s->vocab },
		{ "positions", 1, INT32_MAX, &s->positions },
		{ "tied", 0, 1, &s->tied },
		{ "seed", 0, UINT32_MAX, &c->seed },
	};
	char list[160] = "", *end = NULL;
	size_t key = strcspn(text, "="), at = 0;
	unsigned long long value;

	for (size_t i = 0; i < COUNT(keys); i++) {
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
				       keys[i].name);
		if (key >= len || strlen(keys[i].name) != key || memcmp(keys[i].name, text, key))
			continue;
		errno = 0;
		value = strtoull(text + key + 1, &end, 10);
		if (errno || end != text + len || text[key + 1] < '0' || text[key + 1] > '9' ||
		    value < keys[i].min || value > keys[i].max)
			return aios_fail(st, -EINVAL,
					 "%s: '%.*s': expected a number from %" PRIu64
					 " to %" PRIu64,
					 c->path, len < 64 ? (int)len : 64, text, keys[i].min,
					 keys[i].max);
		*keys[i].out = value;
		return 0;
	}
	return aios_fail(st, -EINVAL,
			 "%s: '%.*s' is no change of a shape; expected KEY=NUMBER, the keys are %s",
			 c->path, len < 64 ? (int)len : 64, text, list);
}

static int parse(struct shape_ckpt *c, struct aios_status *st)
{
	const char *at = c->path + strlen(PREFIX);
	size_t len = strcspn(at, ",");
	int rc = parse_name(c, at, len, st);

	for (at += len; *at && rc == 0; at += len) {
		at++; /* the comma */
		len = strcspn(at, ",");
		rc = parse_change(c, at, len, st);
	}
	for (size_t i = 0; i < COUNT(families) && rc == 0; i++)
		if (strcmp(families[i].name, c->shape.family) == 0)
			c->family = &families[i];
	return rc;
}

/* ---- tensors ------------------------------------------------------------------------ */

static void add(struct shape_ckpt *c, int64_t layer, uint64_t rows, uint64_t cols, bool ones,
		const char *name)
{
	struct aios_ckpt_tensor *t = &c->tensors[c->n];
	char *full = c->names[c->n];

	if (c->n == c->cap)
		return; /* never: cap counts the same list */
	c->n++;
	if (layer < 0)
		snprintf(full, NAME_BYTES, "%s", name);
	else
		snprintf(full, NAME_BYTES, "model.layers.%" PRId64 ".%s", layer, name);
	t->name = full;
	t->file = c->path;
	t->n_dims = cols ? 2 : 1;
	t->shape[0] = rows;
	t->shape[1] = cols;
	t->dtype = AIOS_BF16;
	snprintf(t->dtype_name, sizeof(t->dtype_name), "BF16");
	t->bytes = rows * (cols ? cols : 1) * sizeof(uint16_t);
	if (ones) {
		t->offset = UINT64_MAX; /* in c->ones */
		c->vector = t->bytes > c->vector ? t->bytes : c->vector;
		return;
	}
	t->offset = c->bytes;
	c->bytes += (t->bytes + TENSOR_ALIGN - 1) / TENSOR_ALIGN * TENSOR_ALIGN;
}

static void add_layer(struct shape_ckpt *c, int64_t layer)
{
	const struct shape *s = &c->shape;
	const uint64_t q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;

	add(c, layer, s->hidden, 0, true, "input_layernorm.weight");
	add(c, layer, q, s->hidden, false, "self_attn.q_proj.weight");
	add(c, layer, kv, s->hidden, false, "self_attn.k_proj.weight");
	add(c, layer, kv, s->hidden, false, "self_attn.v_proj.weight");
	if (c->family->qkv_bias) {
		add(c, layer, q, 0, false, "self_attn.q_proj.bias");
		add(c, layer, kv, 0, false, "self_attn.k_proj.bias");
		add(c, layer, kv, 0, false, "self_attn.v_proj.bias");
	}
	if (c->family->qk_norm) {
		add(c, layer, s->head_dim, 0, true, "self_attn.q_norm.weight");
		add(c, layer, s->head_dim, 0, true, "self_attn.k_norm.weight");
	}
	add(c, layer, s->hidden, q, false, "self_attn.o_proj.weight");
	add(c, layer, s->hidden, 0, true, "post_attention_layernorm.weight");
	add(c, layer, s->intermediate, s->hidden, false, "mlp.gate_proj.weight");
	add(c, layer, s->intermediate, s->hidden, false, "mlp.up_proj.weight");
	add(c, layer, s->hidden, s->intermediate, false, "mlp.down_proj.weight");
}

static int compare_names(const void *a, const void *b)
{
	const struct aios_ckpt_tensor *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int list_tensors(struct shape_ckpt *c, struct aios_status *st)
{
	const struct shape *s = &c->shape;

	c->cap = (uint32_t)s->layers * LAYER_TENSORS + 3;
	c->tensors = calloc(c->cap, sizeof(*c->tensors));
	c->names = calloc(c->cap, sizeof(*c->names));
	if (!c->tensors || !c->names)
		return aios_fail(st, -ENOMEM, "%s: no memory for the list of tensors", c->path);
	add(c, -1, s->vocab, s->hidden, false, "model.embed_tokens.weight");
	for (int64_t layer = 0; layer < (int64_t)s->layers; layer++)
		add_layer(c, layer);
	add(c, -1, s->hidden, 0, true, "model.norm.weight");
	if (!s->tied)
		add(c, -1, s->vocab, s->hidden, false, "lm_head.weight");
	qsort(c->tensors, c->n, sizeof(*c->tensors), compare_names);
	return 0;
}

static void write_config(struct shape_ckpt *c)
{
	const struct shape *s = &c->shape;

	snprintf(
		c->config, sizeof(c->config),
		"{\"architectures\": [\"%s\"], \"model_type\": \"%s\", \"hidden_size\": %" PRIu64
		", \"num_hidden_layers\": %" PRIu64 ", \"num_attention_heads\": %" PRIu64
		", \"num_key_value_heads\": %" PRIu64 ", \"head_dim\": %" PRIu64
		", \"intermediate_size\": %" PRIu64 ", \"vocab_size\": %" PRIu64
		", \"max_position_embeddings\": %" PRIu64 ", \"rms_norm_eps\": 1e-06, "
		"\"hidden_act\": \"silu\", \"attention_bias\": false, \"tie_word_embeddings\": %s, "
		"\"rope_parameters\": {\"rope_theta\": %.1f, \"rope_type\": \"default\"}, "
		"\"dtype\": \"bfloat16\"}",
		c->family->architecture, c->family->name, s->hidden, s->layers, s->heads,
		s->kv_heads, s->head_dim, s->intermediate, s->vocab, s->positions,
		s->tied ? "true" : "false", s->theta);
	c->contents.config = (struct aios_ckpt_text){ .path = c->path,
						      .text = c->config,
						      .len = strlen(c->config) };
}

/* ---- numbers ---------------------------------------------------------------------- */

/* Steele, Lea, Flood (2014): SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Round to nearest even; x is finite. */
static uint16_t to_bf16(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* `n` numbers, each one of a table of normal ones (Box and Muller 1958). */
static int fill_block(uint16_t *out, size_t n, uint64_t seed)
{
	uint16_t *table = malloc(TABLE_SIZE * sizeof(*table));
	uint64_t bits = 0;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		double u = ((double)(next_random(&seed) >> 11) + 1.0) * 0x1p-53;
		double v = (double)(next_random(&seed) >> 11) * 0x1p-53;

		table[i] = to_bf16(
			(float)(DEVIATION * sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v)));
	}
	for (size_t i = 0; i < n; i++) {
		if (i % 4 == 0)
			bits = next_random(&seed);
		out[i] = table[bits & 0xffff];
		bits >>= 16;
	}
	free(table);
	return 0;
}

/* The block in a file without a name. Returns its descriptor or a negative errno. */
static int make_block(uint64_t seed)
{
	int fd = memfd_create("aios-shape", MFD_CLOEXEC), rc;
	void *block;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, BLOCK_BYTES) < 0) {
		rc = -errno;
		goto close_file;
	}
	block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED) {
		rc = -errno;
		goto close_file;
	}
	rc = fill_block(block, BLOCK_BYTES / sizeof(uint16_t), seed);
	munmap(block, BLOCK_BYTES);
	if (rc == 0)
		return fd;

close_file:
	close(fd);
	return rc;
}

static uint64_t mapped_bytes(const struct shape_ckpt *c)
{
	return (c->bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

/* Map the block over and over again into one range of addresses. */
static int map_blocks(struct shape_ckpt *c, int fd)
{
	uint64_t bytes = mapped_bytes(c);
	uint8_t *map =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	c->map = map;
	for (uint64_t at = 0; at < bytes; at += BLOCK_BYTES)
		if (mmap(map + at, BLOCK_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
			return -errno;
	return 0;
}

static int make_data(struct shape_ckpt *c, struct aios_status *st)
{
	uint64_t n = c->vector / sizeof(uint16_t);
	uint16_t *ones = malloc(n * sizeof(*ones));
	int fd = ones ? make_block(c->seed) : -ENOMEM, rc = fd;

	for (uint64_t i = 0; ones && i < n; i++)
		ones[i] = to_bf16(1.0f);
	c->ones = (uint8_t *)ones;
	if (fd >= 0) {
		rc = map_blocks(c, fd);
		close(fd);
	}
	if (rc < 0)
		return aios_fail(st, rc, "%s: no memory for random weights: %s", c->path,
				 strerror(-rc));
	for (uint32_t i = 0; i < c->n; i++) {
		struct aios_ckpt_tensor *t = &c->tensors[i];

		t->data = t->offset == UINT64_MAX ? c->ones : c->map + t->offset;
	}
	return 0;
}

/* ---- the plugin ----------------------------------------------------------------------- */

static int shape_probe(const struct aios_host *host, const char *path, char reason[128])
{
	(void)host;
	if (strncmp(path, PREFIX, strlen(PREFIX)) == 0) {
		snprintf(reason, 128, "the name of a shape");
		return SCORE;
	}
	snprintf(reason, 128, "not " PREFIX "NAME");
	return 0;
}

static void shape_close(void *ckpt)
{
	struct shape_ckpt *c = ckpt;

	if (!c)
		return;
	if (c->map)
		munmap(c->map, mapped_bytes(c));
	free(c->ones);
	free(c->names);
	free(c->tensors);
	free(c->path);
	free(c);
}

static int shape_open(const struct aios_host *host, const char *path, bool meta_only, void **ckpt,
		      const struct aios_checkpoint **contents, struct aios_status *st)
{
	struct shape_ckpt *c = calloc(1, sizeof(*c));
	int rc;

	(void)host;
	if (!c)
		return aios_fail(st, -ENOMEM, "%s: no memory", path);
	c->seed = 1;
	c->path = strdup(path);
	rc = c->path ? parse(c, st) : aios_fail(st, -ENOMEM, "%s: no memory", path);
	if (rc == 0)
		rc = list_tensors(c, st);
	if (rc == 0 && !meta_only)
		rc = make_data(c, st);
	if (rc < 0) {
		shape_close(c);
		return rc;
	}
	write_config(c);
	for (uint32_t i = 0; i < c->n; i++) {
		c->contents.bytes += c->tensors[i].bytes;
		if (c->tensors[i].offset == UINT64_MAX)
			c->tensors[i].offset = 0;
	}
	c->contents.size = sizeof(c->contents);
	c->contents.tensors = c->tensors;
	c->contents.n_tensors = c->n;
	*ckpt = c;
	*contents = &c->contents;
	return 0;
}

/* The pages of a tensor that was read: the block stays, the tables that map it go. */
static void shape_release(void *ckpt, const struct aios_ckpt_tensor *tensor)
{
	const struct shape_ckpt *c = ckpt;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)tensor->data + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)tensor->data + (uintptr_t)tensor->bytes) & ~(page - 1);

	/* A hint: without it the tables go when the checkpoint is closed. */
	if (c->map && tensor->data != c->ones && begin < end)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static const struct aios_format_ops ops = {
	.size = sizeof(ops),
	.probe = shape_probe,
	.open = shape_open,
	.close = shape_close,
	.release = shape_release,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "shape:NAME, a known model's shape with random weights");
AIOS_FORMAT(shape, "shape", &ops, NULL, 0);
