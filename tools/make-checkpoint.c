// SPDX-License-Identifier: Apache-2.0
/*
 * make-checkpoint.c - write a checkpoint with random weights in Hugging Face
 * layout, for tests and benchmarks: the shape of a known model or any other.
 *
 *	make-checkpoint --shape qwen3-0.6b DIR
 *	make-checkpoint --family llama --hidden 64 --layers 2 ... --shards 3 DIR
 *
 * The same arguments give the same bytes. Matrices are normal with a standard
 * deviation of 0.02, norms 1, biases small. tokenizer.json maps each byte to one
 * id and 256 to the end of the text.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_TENSORS 8192
#define MAX_SHARDS 99
#define TABLE_SIZE 65536 /* random numbers to draw from: 16 bits choose one */
#define CHUNK 65536      /* elements written at a time */
#define HEADER_ROUND 8   /* headers are padded so that the data is aligned */
#define VOCAB_FLOOR 257  /* ids that tokenizer.json uses */

enum dtype {
	BF16,
	F16,
	F32
};

static const struct {
	const char *name; /* on the command line, in config.json */
	const char *tag;  /* in the file */
	size_t bytes;
} dtypes[] = {
	[BF16] = { "bfloat16", "BF16", 2 },
	[F16] = { "float16", "F16", 2 },
	[F32] = { "float32", "F32", 4 },
};

struct shape {
	const char *name; /* "" for one made by options */
	const char *family;
	uint64_t hidden, layers, heads, kv_heads, head_dim, intermediate, vocab, positions;
	double theta;
	bool tied;
};

static const struct shape shapes[] = {
	{ "tiny", "qwen3", 64, 2, 4, 2, 32, 128, 512, 4096, 1e6, true },
	{ "qwen3-0.6b", "qwen3", 1024, 28, 16, 8, 128, 3072, 151936, 40960, 1e6, true },
	{ "qwen3-1.7b", "qwen3", 2048, 28, 16, 8, 128, 6144, 151936, 40960, 1e6, true },
	{ "qwen3-4b", "qwen3", 2560, 36, 32, 8, 128, 9728, 151936, 40960, 1e6, true },
	{ "qwen3-8b", "qwen3", 4096, 36, 32, 8, 128, 12288, 151936, 40960, 1e6, false },
	{ "qwen2.5-0.5b", "qwen2", 896, 24, 14, 2, 64, 4864, 151936, 32768, 1e6, true },
	{ "llama3.2-1b", "llama", 2048, 16, 32, 8, 64, 8192, 128256, 131072, 5e5, true },
	{ "llama2-7b", "llama", 4096, 32, 32, 32, 128, 11008, 32000, 4096, 1e4, false },
	{ "mistral-7b", "mistral", 4096, 32, 32, 8, 128, 14336, 32768, 32768, 1e6, false },
};

static const struct {
	const char *name, *architecture;
	bool qkv_bias, qk_norm;
} families[] = {
	{ "llama", "LlamaForCausalLM", false, false },
	{ "qwen2", "Qwen2ForCausalLM", true, false },
	{ "qwen3", "Qwen3ForCausalLM", false, true },
	{ "mistral", "MistralForCausalLM", false, false },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the command line asks for. */
struct request {
	struct shape shape;
	uint64_t shards, seed;
	enum dtype dtype;
	bool older; /* config.json as transformers before 5 wrote it */
	const char *dir;
};

enum fill {
	FILL_NORMAL,
	FILL_ONES
};

struct tensor {
	char name[96];
	uint64_t rows, cols; /* cols 0: one dimension */
	enum fill fill;
	uint64_t bytes;
	unsigned int shard;
};

struct plan {
	const struct request *req;
	uint64_t total; /* bytes */
	size_t n;
	unsigned int n_shards;
	struct tensor tensors[MAX_TENSORS];
};

static int fail(const char *what, const char *name)
{
	fprintf(stderr, "make-checkpoint: %s%s%s\n", what, name ? ": " : "", name ? name : "");
	return -EINVAL;
}

static int fail_errno(const char *path)
{
	int rc = errno ? -errno : -EIO;

	fprintf(stderr, "make-checkpoint: %s: %s\n", path, strerror(-rc));
	return rc;
}

/* The plan ------------------------------------------------------------------ */

static void add(struct plan *p, enum fill fill, uint64_t rows, uint64_t cols, const char *name)
{
	struct tensor *t;

	if (p->n == MAX_TENSORS)
		return; /* make_plan() checked the number of layers */
	t = &p->tensors[p->n++];
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->fill = fill;
	t->rows = rows;
	t->cols = cols;
	t->bytes = rows * (cols ? cols : 1) * dtypes[p->req->dtype].bytes;
	p->total += t->bytes;
}

static void add_in_layer(struct plan *p, uint64_t layer, enum fill fill, uint64_t rows,
			 uint64_t cols, const char *name)
{
	char full[96];

	snprintf(full, sizeof(full), "model.layers.%" PRIu64 ".%s", layer, name);
	add(p, fill, rows, cols, full);
}

static void add_layer(struct plan *p, uint64_t layer, size_t family)
{
	const struct shape *s = &p->req->shape;
	const uint64_t q = s->heads * s->head_dim;
	const uint64_t kv = s->kv_heads * s->head_dim;

	add_in_layer(p, layer, FILL_ONES, s->hidden, 0, "input_layernorm.weight");
	add_in_layer(p, layer, FILL_NORMAL, q, s->hidden, "self_attn.q_proj.weight");
	add_in_layer(p, layer, FILL_NORMAL, kv, s->hidden, "self_attn.k_proj.weight");
	add_in_layer(p, layer, FILL_NORMAL, kv, s->hidden, "self_attn.v_proj.weight");
	if (families[family].qkv_bias) {
		add_in_layer(p, layer, FILL_NORMAL, q, 0, "self_attn.q_proj.bias");
		add_in_layer(p, layer, FILL_NORMAL, kv, 0, "self_attn.k_proj.bias");
		add_in_layer(p, layer, FILL_NORMAL, kv, 0, "self_attn.v_proj.bias");
	}
	if (families[family].qk_norm) {
		add_in_layer(p, layer, FILL_ONES, s->head_dim, 0, "self_attn.q_norm.weight");
		add_in_layer(p, layer, FILL_ONES, s->head_dim, 0, "self_attn.k_norm.weight");
	}
	add_in_layer(p, layer, FILL_NORMAL, s->hidden, q, "self_attn.o_proj.weight");
	add_in_layer(p, layer, FILL_ONES, s->hidden, 0, "post_attention_layernorm.weight");
	add_in_layer(p, layer, FILL_NORMAL, s->intermediate, s->hidden, "mlp.gate_proj.weight");
	add_in_layer(p, layer, FILL_NORMAL, s->intermediate, s->hidden, "mlp.up_proj.weight");
	add_in_layer(p, layer, FILL_NORMAL, s->hidden, s->intermediate, "mlp.down_proj.weight");
}

static int find_family(const char *name, size_t *out)
{
	for (size_t i = 0; i < COUNT(families); i++) {
		if (strcmp(families[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	return fail("unknown family; known are llama, qwen2, qwen3, mistral", name);
}

/* Fill shards in order, each up to an equal part of the bytes; none stays empty. */
static void share_out(struct plan *p)
{
	const uint64_t part = (p->total + p->req->shards - 1) / p->req->shards;
	uint64_t held = 0;
	unsigned int shard = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (held > 0 && held + p->tensors[i].bytes / 2 > part &&
		    shard + 1 < p->req->shards) {
			shard++;
			held = 0;
		}
		p->tensors[i].shard = shard;
		held += p->tensors[i].bytes;
	}
	p->n_shards = shard + 1;
}

static int make_plan(struct plan *p, const struct request *req)
{
	const struct shape *s = &req->shape;
	size_t family = 0;
	int rc = find_family(s->family, &family);

	if (rc)
		return rc;
	if (s->layers > (MAX_TENSORS - 3) / 14)
		return fail("too many layers", NULL);
	p->req = req;
	p->total = 0;
	p->n = 0;
	add(p, FILL_NORMAL, s->vocab, s->hidden, "model.embed_tokens.weight");
	for (uint64_t layer = 0; layer < s->layers; layer++)
		add_layer(p, layer, family);
	add(p, FILL_ONES, s->hidden, 0, "model.norm.weight");
	if (!s->tied)
		add(p, FILL_NORMAL, s->vocab, s->hidden, "lm_head.weight");
	share_out(p);
	return 0;
}

/* Numbers ------------------------------------------------------------------- */

/* Steele, Lea, Flood (2014): SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t float_bits(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* Round to nearest even; x is finite. */
static uint16_t to_bf16(float x)
{
	uint32_t bits = float_bits(x);

	return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* The same for |x| < 65504; below 2^-14 it goes to 0, which is near enough for noise. */
static uint16_t to_f16(float x)
{
	uint32_t bits = float_bits(x);
	uint32_t sign = (bits >> 16) & 0x8000;
	uint32_t magnitude = bits & 0x7fffffff;

	if (magnitude < 0x38800000)
		return (uint16_t)sign;
	magnitude += 0xfff + ((magnitude >> 13) & 1);
	return (uint16_t)(sign | ((magnitude - 0x38000000) >> 13));
}

static void encode(enum dtype dtype, float x, uint8_t *out)
{
	uint32_t bits = dtype == BF16 ? to_bf16(x) : dtype == F16 ? to_f16(x) : float_bits(x);

	for (size_t i = 0; i < dtypes[dtype].bytes; i++)
		out[i] = (uint8_t)(bits >> (8 * i));
}

/* TABLE_SIZE normal numbers, encoded; Box and Muller (1958). Caller frees. */
static uint8_t *make_table(enum dtype dtype, uint64_t seed)
{
	const size_t bytes = dtypes[dtype].bytes;
	uint8_t *table = malloc(TABLE_SIZE * bytes);

	for (size_t i = 0; table && i < TABLE_SIZE; i++) {
		double u = ((double)(next_random(&seed) >> 11) + 1.0) * 0x1p-53;
		double v = (double)(next_random(&seed) >> 11) * 0x1p-53;

		encode(dtype, (float)(0.02 * sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v)),
		       table + i * bytes);
	}
	return table;
}

/* `n` elements into buf: draws from the table, or ones. */
static void fill(const struct request *req, enum fill how, const uint8_t *table, uint64_t *state,
		 size_t n, uint8_t *buf)
{
	const size_t bytes = dtypes[req->dtype].bytes;
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		if (how == FILL_ONES) {
			encode(req->dtype, 1.0f, buf + i * bytes);
			continue;
		}
		if (i % 4 == 0)
			bits = next_random(state);
		memcpy(buf + i * bytes, table + (bits & 0xffff) * bytes, bytes);
		bits >>= 16;
	}
}

/* Files --------------------------------------------------------------------- */

static FILE *create(const struct request *req, const char *name, char path[1024])
{
	FILE *f;

	snprintf(path, 1024, "%s/%s", req->dir, name);
	f = fopen(path, "wb");
	if (!f)
		fail_errno(path);
	return f;
}

static int finish(FILE *f, const char *path)
{
	bool bad = ferror(f) != 0;

	if (fclose(f) != 0 || bad)
		return fail_errno(path);
	return 0;
}

static void shard_name(const struct plan *p, unsigned int shard, char name[64])
{
	if (p->n_shards == 1)
		snprintf(name, 64, "model.safetensors");
	else
		snprintf(name, 64, "model-%05u-of-%05u.safetensors", shard + 1, p->n_shards);
}

static void write_entry(FILE *f, const struct plan *p, const struct tensor *t, uint64_t at)
{
	fprintf(f, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%" PRIu64, t->name,
		dtypes[p->req->dtype].tag, t->rows);
	if (t->cols)
		fprintf(f, ",%" PRIu64, t->cols);
	fprintf(f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + t->bytes);
}

/* The header's text goes behind its length, which is known only at its end. */
static int write_header(FILE *f, const struct plan *p, unsigned int shard)
{
	uint64_t at = 0;
	uint64_t len;
	long end;

	fwrite("\0\0\0\0\0\0\0\0", 1, 8, f);
	fprintf(f, "{\"__metadata__\":{\"format\":\"pt\"}");
	for (size_t i = 0; i < p->n; i++) {
		if (p->tensors[i].shard != shard)
			continue;
		write_entry(f, p, &p->tensors[i], at);
		at += p->tensors[i].bytes;
	}
	fputc('}', f);
	while ((end = ftell(f)) % HEADER_ROUND)
		if (end < 0 || fputc(' ', f) == EOF)
			return -EIO;
	len = (uint64_t)end - 8;
	if (fseek(f, 0, SEEK_SET) < 0)
		return -EIO;
	for (int i = 0; i < 8; i++)
		fputc((int)((len >> (8 * i)) & 0xff), f);
	return fseek(f, end, SEEK_SET) < 0 ? -EIO : 0;
}

static void write_tensor(FILE *f, const struct request *req, const struct tensor *t, size_t index,
			 const uint8_t *table, uint8_t *buf)
{
	const size_t bytes = dtypes[req->dtype].bytes;
	uint64_t state = req->seed + UINT64_C(0xd1342543de82ef95) * (index + 1);
	uint64_t left = t->bytes / bytes;

	while (left > 0 && !ferror(f)) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		fill(req, t->fill, table, &state, n, buf);
		fwrite(buf, bytes, n, f);
		left -= n;
	}
}

static int write_shard(const struct plan *p, unsigned int shard, const uint8_t *table, uint8_t *buf)
{
	char path[1024], name[64];
	FILE *f;

	shard_name(p, shard, name);
	f = create(p->req, name, path);
	if (!f)
		return -EIO;
	if (write_header(f, p, shard)) {
		fclose(f);
		return fail_errno(path);
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->tensors[i].shard == shard)
			write_tensor(f, p->req, &p->tensors[i], i, table, buf);
	return finish(f, path);
}

static int write_weights(const struct plan *p)
{
	uint8_t *table = make_table(p->req->dtype, p->req->seed);
	uint8_t *buf = malloc(CHUNK * sizeof(float));
	int rc = table && buf ? 0 : fail("no memory", NULL);

	for (unsigned int shard = 0; rc == 0 && shard < p->n_shards; shard++)
		rc = write_shard(p, shard, table, buf);
	free(buf);
	free(table);
	return rc;
}

static int write_index(const struct plan *p)
{
	char path[1024], name[64];
	FILE *f;

	if (p->n_shards == 1)
		return 0;
	f = create(p->req, "model.safetensors.index.json", path);
	if (!f)
		return -EIO;
	fprintf(f, "{\n  \"metadata\": {\"total_size\": %" PRIu64 "},\n  \"weight_map\": {",
		p->total);
	for (size_t i = 0; i < p->n; i++) {
		shard_name(p, p->tensors[i].shard, name);
		fprintf(f, "%s\n    \"%s\": \"%s\"", i ? "," : "", p->tensors[i].name, name);
	}
	fprintf(f, "\n  }\n}\n");
	return finish(f, path);
}

static int write_config(const struct plan *p)
{
	const struct request *req = p->req;
	const struct shape *s = &req->shape;
	size_t family = 0;
	char path[1024];
	FILE *f = create(req, "config.json", path);

	if (!f)
		return -EIO;
	find_family(s->family, &family);
	fprintf(f, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n",
		families[family].architecture, families[family].name);
	fprintf(f, "  \"hidden_size\": %" PRIu64 ",\n  \"num_hidden_layers\": %" PRIu64 ",\n",
		s->hidden, s->layers);
	fprintf(f, "  \"num_attention_heads\": %" PRIu64 ",\n", s->heads);
	fprintf(f, "  \"num_key_value_heads\": %" PRIu64 ",\n", s->kv_heads);
	fprintf(f, "  \"head_dim\": %" PRIu64 ",\n", s->head_dim);
	fprintf(f, "  \"intermediate_size\": %" PRIu64 ",\n", s->intermediate);
	fprintf(f, "  \"vocab_size\": %" PRIu64 ",\n", s->vocab);
	fprintf(f, "  \"max_position_embeddings\": %" PRIu64 ",\n", s->positions);
	fprintf(f, "  \"rms_norm_eps\": 1e-06,\n  \"hidden_act\": \"silu\",\n");
	fprintf(f, "  \"sliding_window\": null,\n  \"attention_bias\": false,\n");
	fprintf(f, "  \"tie_word_embeddings\": %s,\n", s->tied ? "true" : "false");
	fprintf(f, "  \"bos_token_id\": null,\n  \"eos_token_id\": %d,\n", VOCAB_FLOOR - 1);
	if (req->older)
		fprintf(f, "  \"rope_theta\": %.1f,\n  \"rope_scaling\": null,\n", s->theta);
	else
		fprintf(f,
			"  \"rope_parameters\": {\"rope_theta\": %.1f, \"rope_type\": "
			"\"default\"},\n",
			s->theta);
	fprintf(f, "  \"%s\": \"%s\"\n}\n", req->older ? "torch_dtype" : "dtype",
		dtypes[req->dtype].name);
	return finish(f, path);
}

/* The character that stands for a byte in byte-level BPE: printable ones for themselves. */
static unsigned int byte_symbol(unsigned int byte)
{
	unsigned int others = 0;

	for (unsigned int b = 0; b <= byte; b++) {
		bool plain = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;

		if (plain && b == byte)
			return b;
		others += !plain;
	}
	return 0xff + others;
}

static int write_tokenizer(const struct request *req)
{
	char path[1024];
	FILE *f = create(req, "tokenizer.json", path);

	if (!f)
		return -EIO;
	fprintf(f,
		"{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{"
		"\"id\":%d,"
		"\"content\":\"<|end|>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
		"\"normalized\":false,\"special\":true}],\"normalizer\":null,\"pre_tokenizer\":{"
		"\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
		"\"use_regex\":true},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
		"\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\"model\":{"
		"\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
		"\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
		"\"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{",
		VOCAB_FLOOR - 1);
	for (unsigned int byte = 0; byte < 256; byte++)
		fprintf(f, "%s\"\\u%04x\":%u", byte ? "," : "", byte_symbol(byte), byte);
	fprintf(f, "},\"merges\":[]}}\n");
	return finish(f, path);
}

/* The command line ---------------------------------------------------------- */

static int usage(FILE *to)
{
	fprintf(to, "usage: make-checkpoint [OPTION VALUE]... DIR\n"
		    "  --shape NAME        a known shape; options after it change it:\n"
		    "                     ");
	for (size_t i = 0; i < COUNT(shapes); i++)
		fprintf(to, " %s", shapes[i].name);
	fprintf(to, "\n"
		    "  --family NAME       llama, qwen2, qwen3, mistral\n"
		    "  --hidden, --layers, --heads, --kv-heads, --head-dim, --intermediate,\n"
		    "  --vocab, --positions N\n"
		    "  --theta X           base of the rotary embedding\n"
		    "  --tied 0|1          lm_head is the embedding\n"
		    "  --dtype NAME        bfloat16, float16, float32\n"
		    "  --shards N          files of about equal size, with an index\n"
		    "  --older 0|1         config.json in the form before transformers 5\n"
		    "  --seed N            of the weights\n");
	return to == stderr ? -EINVAL : 0;
}

static int parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
			uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || *out < min || *out > max) {
		fprintf(stderr,
			"make-checkpoint: %s: expected a number from %" PRIu64 " to %" PRIu64
			", found '%s'\n",
			option, min, max, text);
		return -EINVAL;
	}
	return 0;
}

static int parse_shape(const char *name, struct shape *out)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		if (strcmp(shapes[i].name, name) == 0) {
			*out = shapes[i];
			return 0;
		}
	}
	return fail("unknown shape (see --help)", name);
}

static int parse_dtype(const char *name, enum dtype *out)
{
	for (unsigned int i = 0; i < COUNT(dtypes); i++) {
		if (strcmp(dtypes[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	return fail("unknown dtype; known are bfloat16, float16, float32", name);
}

static int parse_flag(const char *option, const char *text, bool *out)
{
	uint64_t n = 0;
	int rc = parse_number(option, text, 0, 1, &n);

	*out = n != 0;
	return rc;
}

static int parse_theta(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *end || !(*out > 1.0 && *out < 1e12))
		return fail("--theta: expected a number above 1", text);
	return 0;
}

static int parse_option(struct request *req, const char *option, const char *value)
{
	struct shape *s = &req->shape;
	const struct {
		const char *name;
		uint64_t min, max;
		uint64_t *out;
	} numbers[] = {
		{ "--hidden", 2, 1 << 20, &s->hidden },
		{ "--layers", 1, 512, &s->layers },
		{ "--heads", 1, 1024, &s->heads },
		{ "--kv-heads", 1, 1024, &s->kv_heads },
		{ "--head-dim", 2, 1024, &s->head_dim },
		{ "--intermediate", 1, 1 << 20, &s->intermediate },
		{ "--vocab", VOCAB_FLOOR, 1 << 24, &s->vocab },
		{ "--positions", 1, INT32_MAX, &s->positions },
		{ "--shards", 1, MAX_SHARDS, &req->shards },
		{ "--seed", 0, UINT64_MAX, &req->seed },
	};

	for (size_t i = 0; i < COUNT(numbers); i++)
		if (strcmp(numbers[i].name, option) == 0)
			return parse_number(option, value, numbers[i].min, numbers[i].max,
					    numbers[i].out);
	if (strcmp(option, "--shape") == 0)
		return parse_shape(value, s);
	if (strcmp(option, "--family") == 0) {
		s->family = value;
		return 0;
	}
	if (strcmp(option, "--theta") == 0)
		return parse_theta(value, &s->theta);
	if (strcmp(option, "--tied") == 0)
		return parse_flag(option, value, &s->tied);
	if (strcmp(option, "--older") == 0)
		return parse_flag(option, value, &req->older);
	if (strcmp(option, "--dtype") == 0)
		return parse_dtype(value, &req->dtype);
	return fail("unknown option (see --help)", option);
}

static int parse(struct request *req, int argc, char **argv)
{
	int i = 1;

	*req = (struct request){ .shape = shapes[0], .shards = 1, .seed = 1 };
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		int rc = parse_option(req, argv[i], argv[i + 1]);

		if (rc)
			return rc;
	}
	if (i + 1 != argc || argv[i][0] == '-')
		return usage(stderr);
	if (req->shape.heads % req->shape.kv_heads)
		return fail("--heads must be a multiple of --kv-heads", NULL);
	req->dir = argv[i];
	return 0;
}

int main(int argc, char **argv)
{
	static struct plan plan; /* large */
	struct request req;
	int rc;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (parse(&req, argc, argv))
		return 2;
	rc = make_plan(&plan, &req);
	if (rc)
		return 2;
	if (mkdir(req.dir, 0777) < 0 && errno != EEXIST)
		rc = fail_errno(req.dir);
	if (rc == 0)
		rc = write_weights(&plan);
	if (rc == 0)
		rc = write_index(&plan);
	if (rc == 0)
		rc = write_config(&plan);
	if (rc == 0)
		rc = write_tokenizer(&req);
	return rc ? 1 : 0;
}
