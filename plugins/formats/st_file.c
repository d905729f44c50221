// SPDX-License-Identifier: Apache-2.0
/*
 * st_file.c - one .safetensors file, checked and mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aios/types.h>

#include "json.h"
#include "st_file.h"

#define LENGTH_BYTES 8u
#define AGAIN "the file is cut or damaged: fetch it again"

/* Every type of the format; AIOS_NONE where no weight can have it. */
struct st_dtype {
	const char *name;
	uint32_t bits;
	uint32_t dtype;
};

static const struct st_dtype st_dtypes[] = {
	{ "BF16", 16, AIOS_BF16 },       { "F16", 16, AIOS_F16 },
	{ "F32", 32, AIOS_F32 },         { "BOOL", 8, AIOS_NONE },
	{ "U8", 8, AIOS_NONE },          { "I8", 8, AIOS_NONE },
	{ "F8_E4M3", 8, AIOS_NONE },     { "F8_E5M2", 8, AIOS_NONE },
	{ "F8_E8M0", 8, AIOS_NONE },     { "F8_E4M3FNUZ", 8, AIOS_NONE },
	{ "F8_E5M2FNUZ", 8, AIOS_NONE }, { "F4", 4, AIOS_NONE },
	{ "F6_E2M3", 6, AIOS_NONE },     { "F6_E3M2", 6, AIOS_NONE },
	{ "I16", 16, AIOS_NONE },        { "U16", 16, AIOS_NONE },
	{ "I32", 32, AIOS_NONE },        { "U32", 32, AIOS_NONE },
	{ "F64", 64, AIOS_NONE },        { "I64", 64, AIOS_NONE },
	{ "U64", 64, AIOS_NONE },        { "C64", 64, AIOS_NONE },
};

/* O_NONBLOCK so that a named pipe is refused, not waited for. */
static int open_regular(const char *path, uint64_t *size, struct aios_status *st)
{
	struct stat sb;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0) {
		rc = -errno;
		return aios_fail(st, rc, "%s: %s", path, strerror(-rc));
	}
	if (fstat(fd, &sb) < 0) {
		rc = aios_fail(st, -errno, "%s: %s", path, strerror(errno));
		goto fail_close;
	}
	if (!S_ISREG(sb.st_mode)) {
		rc = aios_fail(st, -EINVAL, "%s: not a regular file", path);
		goto fail_close;
	}
	*size = (uint64_t)sb.st_size;
	return fd;

fail_close:
	close(fd);
	return rc;
}

/* All of [at, at + len), or a message. */
static int read_exactly(int fd, const char *path, uint64_t at, void *buf, size_t len,
			struct aios_status *st)
{
	uint8_t *to = buf;

	while (len > 0) {
		ssize_t got = pread(fd, to, len, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return aios_fail(st, -errno, "%s: reading at offset %" PRIu64 ": %s", path,
					 at, strerror(errno));
		if (got == 0)
			return aios_fail(st, -EIO,
					 "%s: ended at offset %" PRIu64 " while it was read", path,
					 at);
		to += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

int st_read_text(const char *path, char **text, size_t *len, struct aios_status *st)
{
	uint64_t size = 0;
	char *buf;
	int rc;
	int fd = open_regular(path, &size, st);

	if (fd < 0)
		return fd;
	if (size > ST_TEXT_MAX) {
		rc = aios_fail(st, -EFBIG, "%s: %" PRIu64 " bytes; at most %u are read", path, size,
			       ST_TEXT_MAX);
		goto out_close;
	}
	buf = malloc((size_t)size + 1);
	if (!buf) {
		rc = aios_fail(st, -ENOMEM, "%s: no memory for its %" PRIu64 " bytes", path, size);
		goto out_close;
	}
	rc = read_exactly(fd, path, 0, buf, (size_t)size, st);
	if (rc) {
		free(buf);
		goto out_close;
	}
	buf[size] = '\0';
	*text = buf;
	*len = (size_t)size;

out_close:
	close(fd);
	return rc;
}

/* The header's length stands in the first eight bytes. */
static int header_length(int fd, const char *path, uint64_t size, size_t *len,
			 struct aios_status *st)
{
	uint8_t raw[LENGTH_BYTES];
	uint64_t n = 0;
	int rc;

	if (size < LENGTH_BYTES)
		return aios_fail(st, -EINVAL,
				 "%s: %" PRIu64 " bytes; a safetensors file begins with 8 bytes of "
				 "header length; " AGAIN,
				 path, size);
	rc = read_exactly(fd, path, 0, raw, sizeof(raw), st);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(raw); i++)
		n |= (uint64_t)raw[i] << (8 * i);
	if (n > ST_HEADER_MAX)
		return aios_fail(st, -EINVAL,
				 "%s: offset 0: header length %" PRIu64 " is over the limit of %u; "
				 "this is not a safetensors file or it is damaged",
				 path, n, ST_HEADER_MAX);
	if (n > size - LENGTH_BYTES)
		return aios_fail(st, -EINVAL,
				 "%s: offset 0: header length %" PRIu64 ", but only %" PRIu64
				 " bytes follow; " AGAIN,
				 path, n, size - LENGTH_BYTES);
	*len = (size_t)n;
	return 0;
}

static int read_header(struct st_file *f, int fd, struct aios_status *st)
{
	size_t len = 0;
	size_t tensors;
	char *text;
	int rc = header_length(fd, f->path, f->size, &len, st);

	if (rc)
		return rc;
	text = malloc(len + 1);
	if (!text)
		return aios_fail(st, -ENOMEM, "%s: no memory for a header of %zu bytes", f->path,
				 len);
	rc = read_exactly(fd, f->path, LENGTH_BYTES, text, len, st);
	if (rc)
		goto out_free;
	if (len == 0 || text[0] != '{') {
		rc = aios_fail(st, -EINVAL,
			       "%s: offset 8: the header does not begin with '{'; this is not a "
			       "safetensors file or it is damaged",
			       f->path);
		goto out_free;
	}
	f->header = json_parse_object(f->path, text, len, st);
	if (!f->header) {
		rc = st ? st->code : -EINVAL;
		goto out_free;
	}
	f->data_at = LENGTH_BYTES + len;
	tensors =
		json_object_size(f->header) - (json_object_get(f->header, "__metadata__") != NULL);
	f->n_tensors = (uint32_t)tensors; /* fewer than ST_HEADER_MAX */

out_free:
	free(text);
	return rc;
}

static int map_file(struct st_file *f, int fd, struct aios_status *st)
{
	void *map;

	if (f->size > SIZE_MAX)
		return aios_fail(st, -EFBIG, "%s: too large for this machine's address space",
				 f->path);
	map = mmap(NULL, (size_t)f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return aios_fail(st, -errno, "%s: mapping %" PRIu64 " bytes: %s", f->path, f->size,
				 strerror(errno));
	f->map = map;
	return 0;
}

int st_file_open(struct st_file *f, const char *path, bool meta_only, struct aios_status *st)
{
	int fd;
	int rc;

	memset(f, 0, sizeof(*f));
	f->path = strdup(path);
	if (!f->path)
		return aios_fail(st, -ENOMEM, "%s: no memory", path);
	fd = open_regular(path, &f->size, st);
	if (fd < 0) {
		rc = fd;
		goto fail;
	}
	rc = read_header(f, fd, st);
	if (rc == 0 && !meta_only)
		rc = map_file(f, fd, st);
	close(fd);
	if (rc == 0)
		return 0;

fail:
	st_file_close(f);
	return rc;
}

void st_file_close(struct st_file *f)
{
	if (f->map)
		munmap(f->map, (size_t)f->size);
	json_decref(f->header);
	free(f->path);
	memset(f, 0, sizeof(*f));
}

/* "FILE: tensor 'NAME'", short enough that the reason still fits behind it. */
static const char *place(char buf[256], const struct st_file *f, const char *name)
{
	char quoted[96];

	snprintf(buf, 256, "%.150s: tensor '%s'", f->path,
		 json_quote(quoted, sizeof(quoted), name, strlen(name)));
	return buf;
}

static int read_dtype(struct aios_ckpt_tensor *t, const json_t *entry, const char *at,
		      uint32_t *bits, struct aios_status *st)
{
	const char *name = NULL;
	char quoted[48];
	int rc = json_get_string(entry, "dtype", at, &name, st);

	if (rc)
		return rc;
	if (strlen(name) >= sizeof(t->dtype_name))
		return aios_fail(st, -EINVAL, "%s: dtype '%s' is unknown", at,
				 json_quote(quoted, sizeof(quoted), name, strlen(name)));
	memcpy(t->dtype_name, name, strlen(name) + 1);
	for (size_t i = 0; i < sizeof(st_dtypes) / sizeof(st_dtypes[0]); i++) {
		if (strcmp(st_dtypes[i].name, name) == 0) {
			t->dtype = st_dtypes[i].dtype;
			*bits = st_dtypes[i].bits;
			return 0;
		}
	}
	return aios_fail(st, -EINVAL,
			 "%s: dtype '%s' is unknown; known are BF16, F16, F32 and the "
			 "format's other types",
			 at, json_quote(quoted, sizeof(quoted), name, strlen(name)));
}

/* The shape, and the bytes it needs. */
static int read_shape(struct aios_ckpt_tensor *t, const json_t *entry, const char *at,
		      uint32_t bits, uint64_t *bytes, struct aios_status *st)
{
	uint64_t total = bits;
	json_t *shape = NULL;
	struct json_path key, elem;
	int rc = json_get_array(entry, "shape", at, &shape, st);

	if (rc)
		return rc;
	json_path_key(&key, at, "shape");
	if (json_array_size(shape) > AIOS_CKPT_MAX_DIMS)
		return aios_fail(st, -EINVAL, "%s: %zu dimensions; at most %d are supported",
				 key.text, json_array_size(shape), AIOS_CKPT_MAX_DIMS);
	t->n_dims = (uint32_t)json_array_size(shape);
	for (uint32_t i = 0; i < t->n_dims; i++) {
		int64_t n = 0;

		rc = json_want_int(json_array_get(shape, i), json_path_index(&elem, key.text, i), 0,
				   INT64_MAX, &n, st);
		if (rc)
			return rc;
		t->shape[i] = (uint64_t)n;
		if (__builtin_mul_overflow(total, t->shape[i], &total))
			return aios_fail(st, -EINVAL, "%s: the number of bytes overflows 64 bits",
					 key.text);
	}
	if (total % 8)
		return aios_fail(st, -EINVAL, "%s: %" PRIu64 " bits of %s are no whole bytes",
				 key.text, total, t->dtype_name);
	*bytes = total / 8;
	return 0;
}

static int read_offsets(struct aios_ckpt_tensor *t, const json_t *entry, const char *at,
			const struct st_file *f, uint64_t bytes, struct aios_status *st)
{
	const uint64_t data_len = f->size - f->data_at;
	json_t *pair = NULL;
	struct json_path key, elem;
	int64_t bounds[2] = { 0, 0 };
	int rc = json_get_array(entry, "data_offsets", at, &pair, st);

	if (rc)
		return rc;
	json_path_key(&key, at, "data_offsets");
	if (json_array_size(pair) != 2)
		return aios_fail(st, -EINVAL, "%s: expected [begin, end], found %zu elements",
				 key.text, json_array_size(pair));
	for (size_t i = 0; i < 2; i++) {
		rc = json_want_int(json_array_get(pair, i), json_path_index(&elem, key.text, i), 0,
				   INT64_MAX, &bounds[i], st);
		if (rc)
			return rc;
	}
	if (bounds[0] > bounds[1])
		return aios_fail(st, -EINVAL,
				 "%s: begins at %" PRId64 ", after its end at %" PRId64, key.text,
				 bounds[0], bounds[1]);
	if ((uint64_t)bounds[1] > data_len)
		return aios_fail(st, -EINVAL,
				 "%s: ends at %" PRId64 ", but the file holds %" PRIu64
				 " bytes of data; " AGAIN,
				 key.text, bounds[1], data_len);
	if ((uint64_t)(bounds[1] - bounds[0]) != bytes)
		return aios_fail(st, -EINVAL,
				 "%s: %" PRId64 " bytes, but its shape and dtype %s need %" PRIu64,
				 key.text, bounds[1] - bounds[0], t->dtype_name, bytes);
	t->bytes = bytes;
	t->offset = f->data_at + (uint64_t)bounds[0];
	t->data = f->map ? f->map + t->offset : NULL;
	return 0;
}

static int read_tensor(const struct st_file *f, const char *name, const json_t *entry,
		       struct aios_ckpt_tensor *t, struct aios_status *st)
{
	uint64_t bytes = 0;
	uint32_t bits = 0;
	char at[256];
	int rc;

	memset(t, 0, sizeof(*t));
	t->name = name;
	t->file = f->path;
	place(at, f, name);
	if (!json_is_object(entry))
		return aios_fail(st, -EINVAL, "%s: expected an object, found %s", at,
				 json_kind(entry));
	rc = read_dtype(t, entry, at, &bits, st);
	if (rc == 0)
		rc = read_shape(t, entry, at, bits, &bytes, st);
	if (rc == 0)
		rc = read_offsets(t, entry, at, f, bytes, st);
	return rc;
}

static int by_offset(const void *a, const void *b)
{
	const struct aios_ckpt_tensor *x = *(const struct aios_ckpt_tensor *const *)a;
	const struct aios_ckpt_tensor *y = *(const struct aios_ckpt_tensor *const *)b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	/* Empty tensors come before the one that begins where they lie. */
	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* No byte of the data belongs to two tensors, none to no tensor. */
static int check_cover(const struct st_file *f, const struct aios_ckpt_tensor **sorted,
		       struct aios_status *st)
{
	uint64_t end = f->data_at;
	char at[256];

	for (uint32_t i = 0; i < f->n_tensors; i++) {
		const struct aios_ckpt_tensor *t = sorted[i];

		if (t->offset < end)
			return aios_fail(st, -EINVAL,
					 "%s: overlaps tensor '%.80s' at offset %" PRIu64
					 " of the file",
					 place(at, f, t->name), sorted[i - 1]->name, t->offset);
		if (t->offset > end)
			return aios_fail(
				st, -EINVAL,
				"%s: %" PRIu64 " bytes before it, at offset %" PRIu64
				" of the file, belong to no tensor; the format allows no holes",
				place(at, f, t->name), t->offset - end, end);
		end = t->offset + t->bytes;
	}
	if (end != f->size)
		return aios_fail(st, -EINVAL,
				 "%s: %" PRIu64 " bytes after the last tensor, at offset %" PRIu64
				 ", belong to no tensor; the format allows no holes",
				 f->path, f->size - end, end);
	return 0;
}

/* "__metadata__", when present, maps strings to strings; its contents are not used. */
static int check_metadata(const struct st_file *f, json_t *meta, struct aios_status *st)
{
	const char *key;
	json_t *value;

	if (!json_is_object(meta))
		return aios_fail(st, -EINVAL, "%s: __metadata__: expected an object, found %s",
				 f->path, json_kind(meta));
	json_object_foreach(meta, key, value) {
		if (!json_is_string(value))
			return aios_fail(st, -EINVAL,
					 "%s: __metadata__.%.80s: expected a string, found %s",
					 f->path, key, json_kind(value));
	}
	return 0;
}

int st_file_tensors(const struct st_file *f, struct aios_ckpt_tensor *out, struct aios_status *st)
{
	const struct aios_ckpt_tensor **sorted;
	uint32_t n = 0;
	const char *name;
	json_t *entry;
	int rc;

	json_object_foreach(f->header, name, entry) {
		if (strcmp(name, "__metadata__") == 0)
			rc = check_metadata(f, entry, st);
		else
			rc = read_tensor(f, name, entry, &out[n++], st);
		if (rc)
			return rc;
	}
	sorted = calloc((size_t)f->n_tensors + 1, sizeof(*sorted));
	if (!sorted)
		return aios_fail(st, -ENOMEM, "%s: no memory for %u tensors", f->path,
				 f->n_tensors);
	for (uint32_t i = 0; i < f->n_tensors; i++)
		sorted[i] = &out[i];
	qsort(sorted, f->n_tensors, sizeof(*sorted), by_offset);
	rc = check_cover(f, sorted, st);
	free(sorted);
	return rc;
}
