// SPDX-License-Identifier: Apache-2.0
/*
 * safetensors.c - a Hugging Face folder: config.json, the texts beside it, and
 * model.safetensors or the shards that model.safetensors.index.json names.
 *
 * As transformers does: model.safetensors goes before an index; the index says
 * which files are read, and every tensor of those files counts. Where two shards
 * hold a tensor of one name, the index says whose is meant.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aios/plugin/format.h>

#include "json.h"
#include "st_file.h"

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define MAX_SHARDS 4096
#define SCORE 100

enum text_slot {
	TEXT_CONFIG,
	TEXT_GENERATION,
	TEXT_TOKENIZER,
	TEXT_TOKENIZER_CONFIG,
	TEXT_COUNT
};

static const char *const text_names[TEXT_COUNT] = {
	[TEXT_CONFIG] = "config.json",
	[TEXT_GENERATION] = "generation_config.json",
	[TEXT_TOKENIZER] = "tokenizer.json",
	[TEXT_TOKENIZER_CONFIG] = "tokenizer_config.json",
};

struct st_ckpt {
	struct aios_checkpoint contents;
	char *dir;
	char *single; /* the one file to read; NULL: an index */
	struct st_file *files;
	uint32_t n_files;
	struct aios_ckpt_tensor *tensors;
	char *text_paths[TEXT_COUNT];
	char *texts[TEXT_COUNT]; /* NULL: absent */
	size_t text_lens[TEXT_COUNT];
	long page; /* bytes of a memory page */
};

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s);
	size_t m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* DIR/NAME, malloc. NULL: no memory. */
static char *join(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	char *path = malloc(n + strlen(name) + 2);

	if (!path)
		return NULL;
	memcpy(path, dir, n);
	if (n > 0 && dir[n - 1] != '/')
		path[n++] = '/';
	strcpy(path + n, name);
	return path;
}

/* The folder `path` lies in, malloc. */
static char *parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Is there a regular file DIR/NAME? 1, 0, or -ENOMEM. */
static int exists_in(const char *dir, const char *name)
{
	struct stat sb;
	char *path = join(dir, name);
	int yes;

	if (!path)
		return -ENOMEM;
	yes = stat(path, &sb) == 0 && S_ISREG(sb.st_mode);
	free(path);
	return yes;
}

static int probe(const struct aios_host *host, const char *path, char reason[128])
{
	struct stat sb;

	(void)host;
	if (stat(path, &sb) < 0) {
		snprintf(reason, 128, "%s", strerror(errno));
		return 0;
	}
	if (S_ISREG(sb.st_mode)) {
		bool named = has_suffix(path, ".safetensors");

		snprintf(reason, 128, named ? "a .safetensors file" : "not a .safetensors file");
		return named ? SCORE : 0;
	}
	if (!S_ISDIR(sb.st_mode)) {
		snprintf(reason, 128, "neither a file nor a folder");
		return 0;
	}
	if (exists_in(path, SINGLE_NAME) > 0) {
		snprintf(reason, 128, "holds " SINGLE_NAME);
		return SCORE;
	}
	if (exists_in(path, INDEX_NAME) > 0) {
		snprintf(reason, 128, "holds " INDEX_NAME);
		return SCORE;
	}
	snprintf(reason, 128, "holds neither " SINGLE_NAME " nor " INDEX_NAME);
	return 0;
}

/* One file with config.json beside it. */
static int locate_file(struct st_ckpt *c, const char *path, struct aios_status *st)
{
	if (!has_suffix(path, ".safetensors"))
		return aios_fail(st, -EINVAL,
				 "%s: neither a folder nor a .safetensors file; give a "
				 "Hugging Face folder",
				 path);
	c->dir = parent(path);
	c->single = strdup(path);
	if (!c->dir || !c->single)
		return aios_fail(st, -ENOMEM, "%s: no memory", path);
	return 0;
}

/* A folder with model.safetensors or an index. */
static int locate_folder(struct st_ckpt *c, const char *path, struct aios_status *st)
{
	int single = exists_in(path, SINGLE_NAME);
	int index = exists_in(path, INDEX_NAME);

	c->dir = strdup(path);
	if (single > 0)
		c->single = join(path, SINGLE_NAME);
	if (!c->dir || single < 0 || index < 0 || (single && !c->single))
		return aios_fail(st, -ENOMEM, "%s: no memory", path);
	if (!single && !index)
		return aios_fail(st, -ENOENT,
				 "%s: holds neither " SINGLE_NAME " nor " INDEX_NAME
				 "; give a Hugging Face folder with safetensors",
				 path);
	return 0;
}

static int locate(struct st_ckpt *c, const char *path, struct aios_status *st)
{
	struct stat sb;

	if (stat(path, &sb) < 0)
		return aios_fail(st, -errno, "%s: %s; give a Hugging Face folder", path,
				 strerror(errno));
	return S_ISDIR(sb.st_mode) ? locate_folder(c, path, st) : locate_file(c, path, st);
}

static int read_texts(struct st_ckpt *c, struct aios_status *st)
{
	for (int i = 0; i < TEXT_COUNT; i++) {
		int rc;

		c->text_paths[i] = join(c->dir, text_names[i]);
		if (!c->text_paths[i])
			return aios_fail(st, -ENOMEM, "%s: no memory", c->dir);
		if (i != TEXT_CONFIG && access(c->text_paths[i], F_OK) < 0 && errno == ENOENT)
			continue;
		rc = st_read_text(c->text_paths[i], &c->texts[i], &c->text_lens[i], st);
		if (rc == -ENOENT)
			return aios_fail(st, rc,
					 "%s: missing; a checkpoint needs config.json beside its "
					 "tensors",
					 c->text_paths[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* A name in the index stands for a file in the same folder, nothing else. */
static int check_shard_name(const char *name, const char *at, struct aios_status *st)
{
	char quoted[96];

	if (!strchr(name, '/') && has_suffix(name, ".safetensors"))
		return 0;
	return aios_fail(st, -EINVAL,
			 "%s: expected the name of a .safetensors file in the same folder, found "
			 "'%s'",
			 at, json_quote(quoted, sizeof(quoted), name, strlen(name)));
}

/*
 * Number the distinct files of weight_map in the order of their first mention:
 * *order maps a file's name to its number. The caller owns *order.
 */
static int number_shards(const json_t *map, const char *at, json_t **order, struct aios_status *st)
{
	struct json_path key;
	const char *tensor;
	const char *file;
	json_t *value;
	int rc;

	*order = json_object();
	if (!*order)
		return aios_fail(st, -ENOMEM, "%s: no memory", at);
	json_object_foreach((json_t *)map, tensor, value) {
		json_path_key(&key, at, tensor);
		rc = json_want_string(value, key.text, &file, st);
		if (rc == 0)
			rc = check_shard_name(file, key.text, st);
		if (rc)
			return rc;
		if (json_object_get(*order, file))
			continue;
		if (json_object_size(*order) == MAX_SHARDS)
			return aios_fail(st, -EINVAL, "%s: names more than %d files", at,
					 MAX_SHARDS);
		if (json_object_set_new(*order, file,
					json_integer((json_int_t)json_object_size(*order))))
			return aios_fail(st, -ENOMEM, "%s: no memory", at);
	}
	return 0;
}

static int open_shards(struct st_ckpt *c, json_t *order, bool meta_only, const char *index,
		       struct aios_status *st)
{
	const char *name;
	json_t *value;

	c->files = calloc(json_object_size(order) + 1, sizeof(*c->files));
	if (!c->files)
		return aios_fail(st, -ENOMEM, "%s: no memory", index);
	json_object_foreach(order, name, value) {
		char *path = join(c->dir, name);
		int rc;

		if (!path)
			return aios_fail(st, -ENOMEM, "%s: no memory", index);
		rc = st_file_open(&c->files[c->n_files], path, meta_only, st);
		free(path);
		if (rc == -ENOENT)
			return aios_fail(st, rc, "%s: names the file '%.120s', which is missing",
					 index, name);
		if (rc)
			return rc;
		c->n_files++;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct aios_ckpt_tensor *x = a;
	const struct aios_ckpt_tensor *y = b;

	return strcmp(x->name, y->name);
}

/* The tensors of all open files in one array, sorted by name. */
static int gather_tensors(struct st_ckpt *c, struct aios_status *st)
{
	uint64_t total = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < c->n_files; i++)
		total += c->files[i].n_tensors;
	if (total > UINT32_MAX)
		return aios_fail(st, -EINVAL, "%s: %" PRIu64 " tensors are too many", c->dir,
				 total);
	c->tensors = calloc((size_t)total + 1, sizeof(*c->tensors));
	if (!c->tensors)
		return aios_fail(st, -ENOMEM, "%s: no memory for %" PRIu64 " tensors", c->dir,
				 total);
	for (uint32_t i = 0; i < c->n_files; i++) {
		int rc = st_file_tensors(&c->files[i], c->tensors + at, st);

		if (rc)
			return rc;
		at += c->files[i].n_tensors;
	}
	qsort(c->tensors, at, sizeof(*c->tensors), by_name);
	c->contents.n_tensors = at;
	return 0;
}

/* Is `t` in the file called `file` (a name in the checkpoint's folder)? */
static bool lies_in(const struct aios_ckpt_tensor *t, const char *file)
{
	const char *slash = strrchr(t->file, '/');

	return strcmp(slash ? slash + 1 : t->file, file) == 0;
}

/* Of several tensors with one name keep the one that the index means. */
static int drop_copies(struct st_ckpt *c, const json_t *map, const char *index,
		       struct aios_status *st)
{
	struct aios_ckpt_tensor *t = c->tensors;
	uint32_t kept = 0;

	for (uint32_t i = 0, n; i < c->contents.n_tensors; i += n) {
		const char *file = json_string_value(json_object_get(map, t[i].name));
		uint32_t chosen = i;

		for (n = 1; i + n < c->contents.n_tensors; n++)
			if (strcmp(t[i].name, t[i + n].name) != 0)
				break;
		if (n > 1 && !file)
			return aios_fail(
				st, -EINVAL,
				"%s: tensor '%.100s' is in '%.100s' and in '%.100s', and the "
				"index does not say which is meant",
				index, t[i].name, t[i].file, t[i + 1].file);
		while (file && chosen < i + n && !lies_in(&t[chosen], file))
			chosen++;
		if (chosen == i + n)
			return aios_fail(
				st, -EINVAL,
				"%s: says that tensor '%.100s' is in '%.100s', but it is in "
				"'%.100s'",
				index, t[i].name, file, t[i].file);
		t[kept++] = t[chosen];
	}
	c->contents.n_tensors = kept;
	return 0;
}

/* Every tensor of the index is there. */
static int check_index(const struct st_ckpt *c, const json_t *map, const char *index,
		       struct aios_status *st)
{
	struct aios_ckpt_tensor key = { 0 };
	json_t *value;

	json_object_foreach((json_t *)map, key.name, value) {
		if (!bsearch(&key, c->tensors, c->contents.n_tensors, sizeof(key), by_name))
			return aios_fail(
				st, -EINVAL,
				"%s: says that tensor '%.100s' is in '%.100s', but it is not",
				index, key.name, json_string_value(value));
	}
	return 0;
}

static int open_index(struct st_ckpt *c, bool meta_only, struct aios_status *st)
{
	char *path = join(c->dir, INDEX_NAME);
	struct json_path at;
	json_t *order = NULL;
	json_t *doc = NULL;
	json_t *map = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (!path)
		return aios_fail(st, -ENOMEM, "%s: no memory", c->dir);
	rc = st_read_text(path, &text, &len, st);
	if (rc)
		goto out;
	doc = json_parse_object(path, text, len, st);
	if (!doc) {
		rc = st ? st->code : -EINVAL;
		goto out;
	}
	rc = json_get_object(doc, "weight_map", path, &map, st);
	if (rc)
		goto out;
	json_path_key(&at, path, "weight_map");
	rc = number_shards(map, at.text, &order, st);
	if (rc == 0)
		rc = open_shards(c, order, meta_only, path, st);
	if (rc == 0)
		rc = gather_tensors(c, st);
	if (rc == 0)
		rc = drop_copies(c, map, path, st);
	if (rc == 0)
		rc = check_index(c, map, path, st);
out:
	json_decref(order);
	json_decref(doc);
	free(text);
	free(path);
	return rc;
}

static int open_single(struct st_ckpt *c, bool meta_only, struct aios_status *st)
{
	int rc;

	c->files = calloc(1, sizeof(*c->files));
	if (!c->files)
		return aios_fail(st, -ENOMEM, "%s: no memory", c->single);
	rc = st_file_open(&c->files[0], c->single, meta_only, st);
	if (rc)
		return rc;
	c->n_files = 1;
	return gather_tensors(c, st);
}

static struct aios_ckpt_text text_of(const struct st_ckpt *c, enum text_slot slot)
{
	return (struct aios_ckpt_text){
		.path = c->text_paths[slot],
		.text = c->texts[slot],
		.len = c->text_lens[slot],
	};
}

static void ckpt_close(void *ckpt)
{
	struct st_ckpt *c = ckpt;

	if (!c)
		return;
	for (uint32_t i = 0; i < c->n_files; i++)
		st_file_close(&c->files[i]);
	for (int i = 0; i < TEXT_COUNT; i++) {
		free(c->texts[i]);
		free(c->text_paths[i]);
	}
	free(c->files);
	free(c->tensors);
	free(c->single);
	free(c->dir);
	free(c);
}

static int ckpt_open(const struct aios_host *host, const char *path, bool meta_only, void **ckpt,
		     const struct aios_checkpoint **contents, struct aios_status *st)
{
	struct st_ckpt *c = calloc(1, sizeof(*c));
	struct aios_status local = { 0 };
	int rc;

	(void)host;
	st = st ? st : &local;
	if (!c)
		return aios_fail(st, -ENOMEM, "%s: no memory", path);
	c->page = sysconf(_SC_PAGESIZE);
	rc = locate(c, path, st);
	if (rc == 0)
		rc = read_texts(c, st);
	if (rc == 0)
		rc = c->single ? open_single(c, meta_only, st) : open_index(c, meta_only, st);
	if (rc) {
		ckpt_close(c);
		return rc;
	}

	c->contents.size = sizeof(c->contents);
	c->contents.tensors = c->tensors;
	for (uint32_t i = 0; i < c->contents.n_tensors; i++)
		c->contents.bytes += c->tensors[i].bytes;
	c->contents.config = text_of(c, TEXT_CONFIG);
	c->contents.generation = text_of(c, TEXT_GENERATION);
	c->contents.tokenizer = text_of(c, TEXT_TOKENIZER);
	c->contents.tokenizer_config = text_of(c, TEXT_TOKENIZER_CONFIG);
	*ckpt = c;
	*contents = &c->contents;
	return 0;
}

/* Whole pages only: a page that the tensor shares with a neighbour stays. */
static void ckpt_release(void *ckpt, const struct aios_ckpt_tensor *tensor)
{
	const struct st_ckpt *c = ckpt;
	const uintptr_t page = (uintptr_t)c->page;
	uintptr_t begin = ((uintptr_t)tensor->data + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)tensor->data + (uintptr_t)tensor->bytes) & ~(page - 1);

	/* A hint: without it the pages go when memory is short. */
	if (tensor->data && begin < end)
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static void ckpt_prefetch(void *ckpt, const struct aios_ckpt_tensor *tensor)
{
	const struct st_ckpt *c = ckpt;
	const uintptr_t page = (uintptr_t)c->page;
	uintptr_t begin = (uintptr_t)tensor->data & ~(page - 1);
	uintptr_t end = (uintptr_t)tensor->data + (uintptr_t)tensor->bytes;

	/* A hint: without it the pages are read when they are touched. */
	if (tensor->data && begin < end)
		(void)madvise((void *)begin, end - begin, MADV_WILLNEED);
}

static const struct aios_format_ops ops = {
	.size = sizeof(ops),
	.probe = probe,
	.open = ckpt_open,
	.close = ckpt_close,
	.release = ckpt_release,
	.prefetch = ckpt_prefetch,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Hugging Face folders: config.json and safetensors, sharded or not");
AIOS_FORMAT(safetensors, "safetensors", &ops, NULL, 0);
