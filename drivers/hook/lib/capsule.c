// SPDX-License-Identifier: Apache-2.0
/* capsule.c - see capsule.h. */
#include "lib/capsule.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#define MAGIC "AIOSCAPS"
#define BUFFER ((size_t)1 << 20)
#define NO_BLOB UINT64_MAX

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers in capsules are little endian");

/* The file begins with one of these; chunks follow, each padded to 8 bytes. */
struct file_header {
	char magic[8];
	uint32_t version, header_bytes;
	uint64_t n_ops, n_blobs;
	char driver[32];
};

enum {
	CHUNK_BLOB = 1, /* digest, bytes */
	CHUNK_OP = 2    /* struct file_op, descriptor, struct file_operand[], pages */
};

struct file_chunk {
	uint32_t kind, reserved;
	uint64_t bytes; /* of what follows, padding aside */
};

struct file_op {
	uint64_t number;
	uint32_t descriptor_bytes, n_operands, n_pages, reserved;
};

enum {
	OPERAND_DIGEST = 1 /* `digest` is of the output */
};

struct file_operand {
	uint32_t field, flags, rows, reserved;
	uint64_t in, out; /* blobs, or NO_BLOB */
	uint8_t digest[CAPSULE_DIGEST];
};

_Static_assert(sizeof(struct file_header) == 64, "no padding");
_Static_assert(sizeof(struct file_chunk) == 16, "no padding");
_Static_assert(sizeof(struct file_op) == 24, "no padding");
_Static_assert(sizeof(struct file_operand) == 48, "no padding");

struct capsule_blob {
	uint8_t digest[CAPSULE_DIGEST];
	uint64_t index; /* + 1; 0: the place is free */
};

void capsule_digest(const void *data, uint64_t bytes, uint8_t digest[CAPSULE_DIGEST])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, bytes));
	memcpy(digest, canonical.digest, CAPSULE_DIGEST);
}

static uint64_t pad8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

/* ---- writing ------------------------------------------------------------------- */

static int write_all(struct capsule_writer *w, const void *data, size_t n, struct aios_status *st)
{
	const uint8_t *at = data;
	ssize_t done;

	while (n > 0) {
		done = write(w->fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return aios_fail(st, done < 0 ? -errno : -EIO, "cannot write %.300s: %s",
					 w->temporary, strerror(done < 0 ? errno : EIO));
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

static int flush(struct capsule_writer *w, struct aios_status *st)
{
	int rc = write_all(w, w->buffer, w->used, st);

	w->used = 0;
	return rc;
}

static int put(struct capsule_writer *w, const void *data, uint64_t n, struct aios_status *st)
{
	int rc = 0;

	w->bytes += n;
	if (n > BUFFER - w->used)
		rc = flush(w, st);
	if (rc < 0 || n == 0)
		return rc;
	if (n > BUFFER)
		return write_all(w, data, n, st);
	memcpy(w->buffer + w->used, data, n);
	w->used += n;
	return 0;
}

static int put_padding(struct capsule_writer *w, uint64_t bytes, struct aios_status *st)
{
	static const uint8_t zeros[8];

	return put(w, zeros, pad8(bytes) - bytes, st);
}

static int put_chunk(struct capsule_writer *w, uint32_t kind, uint64_t bytes,
		     struct aios_status *st)
{
	struct file_chunk chunk = { .kind = kind, .bytes = bytes };

	return put(w, &chunk, sizeof(chunk), st);
}

/* A name that nobody else has: several devices may record to one path, the last to close wins. */
static void open_temporary(struct capsule_writer *w)
{
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(w->temporary, sizeof(w->temporary), "%.*s.part-%d-%u",
			 (int)sizeof(w->temporary) - 32, w->path, (int)getpid(), i);
		w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (w->fd >= 0 || errno != EEXIST)
			return;
	}
}

int capsule_create(struct capsule_writer *w, const char *path, const char *driver,
		   struct aios_status *st)
{
	struct file_header header = { .magic = "" };
	int rc;

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	snprintf(w->driver, sizeof(w->driver), "%s", driver);
	if ((size_t)snprintf(w->path, sizeof(w->path), "%s", path) >= sizeof(w->path) ||
	    strlen(path) + 32 > sizeof(w->temporary))
		return aios_fail(st, -ENAMETOOLONG, "the path %.300s is too long", path);
	w->buffer = malloc(BUFFER);
	if (!w->buffer)
		return aios_fail(st, -ENOMEM, "no memory to write %.300s", path);
	open_temporary(w);
	if (w->fd < 0) {
		rc = aios_fail(st, -errno, "cannot write %.300s: %s", w->temporary,
			       strerror(errno));
		free(w->buffer);
		w->buffer = NULL;
		return rc;
	}
	rc = put(w, &header, sizeof(header), st); /* filled in at the end */
	if (rc < 0)
		capsule_end(w, false, NULL);
	return rc;
}

static struct capsule_blob *blob_place(struct capsule_blob *blobs, uint64_t cap,
				       const uint8_t digest[CAPSULE_DIGEST])
{
	uint64_t at;

	memcpy(&at, digest, sizeof(at));
	for (at &= cap - 1; blobs[at].index; at = (at + 1) & (cap - 1))
		if (memcmp(blobs[at].digest, digest, CAPSULE_DIGEST) == 0)
			break;
	return &blobs[at];
}

static int grow_blobs(struct capsule_writer *w, struct aios_status *st)
{
	uint64_t cap = w->cap_blobs ? 2 * w->cap_blobs : 256;
	struct capsule_blob *blobs;

	if (2 * (w->n_blobs + 1) <= w->cap_blobs)
		return 0;
	blobs = calloc(cap, sizeof(*blobs));
	if (!blobs)
		return aios_fail(st, -ENOMEM, "no memory for the list of %llu parts of %.300s",
				 (unsigned long long)cap, w->path);
	for (uint64_t i = 0; i < w->cap_blobs; i++)
		if (w->blobs[i].index)
			*blob_place(blobs, cap, w->blobs[i].digest) = w->blobs[i];
	free(w->blobs);
	w->blobs = blobs;
	w->cap_blobs = cap;
	return 0;
}

/* The number of the blob with these bytes, which are written when they are new. */
static int put_blob(struct capsule_writer *w, const void *data, uint64_t bytes, uint64_t *index,
		    struct aios_status *st)
{
	uint8_t digest[CAPSULE_DIGEST];
	struct capsule_blob *blob;
	int rc = grow_blobs(w, st);

	if (rc < 0)
		return rc;
	capsule_digest(data, bytes, digest);
	blob = blob_place(w->blobs, w->cap_blobs, digest);
	if (blob->index) {
		*index = blob->index - 1;
		return 0;
	}
	rc = put_chunk(w, CHUNK_BLOB, CAPSULE_DIGEST + bytes, st);
	if (rc == 0)
		rc = put(w, digest, CAPSULE_DIGEST, st);
	if (rc == 0)
		rc = put(w, data, bytes, st);
	if (rc == 0)
		rc = put_padding(w, bytes, st);
	if (rc < 0)
		return rc;
	memcpy(blob->digest, digest, CAPSULE_DIGEST);
	*index = w->n_blobs++;
	blob->index = w->n_blobs;
	return 0;
}

/* A descriptor whose addresses say which operands are there and which are one, not where they were. */
static void neutral(const struct hook_image *im, union aios_op_any *any)
{
	const struct hook_operands *list = &im->operands;

	*any = im->any;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];
		uint64_t at = i;

		if (o->alias != HOOK_NO_ALIAS && list->v[o->alias].addr == o->addr)
			at = o->alias;
		hook_set_addr(&any->op, o->field, o->addr ? (at + 1) << 32 : 0);
	}
}

static int put_op(struct capsule_writer *w, uint64_t number, const struct hook_image *im,
		  const struct file_operand *rows, struct aios_status *st)
{
	struct file_op op = {
		.number = number,
		.descriptor_bytes = im->any.op.size,
		.n_operands = im->operands.n,
		.n_pages = im->pages.n,
	};
	uint64_t pages = (uint64_t)im->pages.n * sizeof(int32_t);
	uint64_t table = (uint64_t)op.n_operands * sizeof(*rows);
	union aios_op_any any;
	int rc = put_chunk(w, CHUNK_OP, sizeof(op) + pad8(op.descriptor_bytes) + table + pages, st);

	neutral(im, &any);
	if (rc == 0)
		rc = put(w, &op, sizeof(op), st);
	if (rc == 0)
		rc = put(w, &any, op.descriptor_bytes, st);
	if (rc == 0)
		rc = put_padding(w, op.descriptor_bytes, st);
	if (rc == 0)
		rc = put(w, rows, table, st);
	if (rc == 0)
		rc = put(w, im->pages.pages, pages, st);
	if (rc == 0)
		rc = put_padding(w, pages, st);
	w->n_ops += rc == 0;
	return rc;
}

int capsule_add(struct capsule_writer *w, uint64_t number, const struct hook_image *im,
		uint8_t *const out[HOOK_MAX_OPERANDS], bool whole,
		uint64_t parts[HOOK_MAX_OPERANDS], struct aios_status *st)
{
	struct file_operand rows[HOOK_MAX_OPERANDS];
	int rc = 0;

	memset(rows, 0, sizeof(rows));
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++) {
		const struct hook_operand *o = &im->operands.v[i];
		uint64_t bytes = hook_operand_bytes(o);

		rows[i].field = o->field;
		rows[i].rows = o->rows;
		rows[i].in = NO_BLOB;
		rows[i].out = NO_BLOB;
		if (im->in[i])
			rc = put_blob(w, im->in[i], bytes, &rows[i].in, st);
		else if (parts && parts[i])
			rows[i].in = parts[i] - 1;
		if (parts && rc == 0 && im->in[i])
			parts[i] = rows[i].in + 1;
		if (rc < 0 || !out[i])
			continue;
		rows[i].flags |= OPERAND_DIGEST;
		capsule_digest(out[i], bytes, rows[i].digest);
		if (whole)
			rc = put_blob(w, out[i], bytes, &rows[i].out, st);
	}
	return rc < 0 ? rc : put_op(w, number, im, rows, st);
}

/* The header says how much there is, so it comes last. */
static int put_header(struct capsule_writer *w, struct aios_status *st)
{
	struct file_header header = {
		.version = CAPSULE_VERSION,
		.header_bytes = sizeof(header),
		.n_ops = w->n_ops,
		.n_blobs = w->n_blobs,
	};

	memcpy(header.magic, MAGIC, sizeof(header.magic));
	memcpy(header.driver, w->driver, sizeof(header.driver));
	if (pwrite(w->fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    fsync(w->fd) < 0)
		return aios_fail(st, -EIO, "cannot write %.300s: %s", w->temporary,
				 strerror(errno));
	return 0;
}

int capsule_end(struct capsule_writer *w, bool keep, struct aios_status *st)
{
	int rc = 0;

	if (w->fd < 0)
		return 0;
	if (keep)
		rc = flush(w, st);
	if (keep && rc == 0)
		rc = put_header(w, st);
	if (close(w->fd) < 0 && rc == 0 && keep)
		rc = aios_fail(st, -errno, "cannot write %.300s: %s", w->temporary,
			       strerror(errno));
	if (keep && rc == 0 && rename(w->temporary, w->path) < 0)
		rc = aios_fail(st, -errno, "cannot rename %.200s to %.200s: %s", w->temporary,
			       w->path, strerror(errno));
	if (!keep || rc < 0)
		unlink(w->temporary);
	free(w->buffer);
	free(w->blobs);
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	return rc;
}

/* ---- reading ------------------------------------------------------------------- */

static int broken(const struct capsule_reader *r, struct aios_status *st, const char *why)
{
	return aios_fail(st, -EINVAL, "not a sound capsule: %s at byte %llu", why,
			 (unsigned long long)r->at);
}

int capsule_open_memory(struct capsule_reader *r, const void *data, uint64_t size,
			struct aios_status *st)
{
	struct file_header header;

	memset(r, 0, sizeof(*r));
	r->data = data;
	r->size = size;
	if (size < sizeof(header))
		return broken(r, st, "it is shorter than its header");
	memcpy(&header, data, sizeof(header));
	if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0)
		return broken(r, st, "its first bytes are not " MAGIC);
	if (header.version != CAPSULE_VERSION)
		return aios_fail(st, -EINVAL, "a capsule of version %u; this AIOS reads version %d",
				 header.version, CAPSULE_VERSION);
	if (header.header_bytes != sizeof(header))
		return broken(r, st, "the header's size is wrong");
	/* Every blob and launch takes a chunk, so that the file's size bounds the lists. */
	if (header.n_blobs > size / sizeof(struct file_chunk) ||
	    header.n_ops > size / sizeof(struct file_chunk))
		return broken(r, st, "it says to hold more than its size allows");
	r->n_ops = header.n_ops;
	r->n_blobs = header.n_blobs;
	memcpy(r->driver, header.driver, sizeof(r->driver) - 1);
	r->at = sizeof(header);
	r->blobs = calloc(r->n_blobs ? r->n_blobs : 1, sizeof(*r->blobs));
	if (!r->blobs)
		return aios_fail(st, -ENOMEM, "no memory for a list of %llu parts",
				 (unsigned long long)r->n_blobs);
	return 0;
}

int capsule_open(struct capsule_reader *r, const char *path, struct aios_status *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat info;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	if (fd < 0)
		return aios_fail(st, -errno, "cannot read %.300s: %s", path, strerror(errno));
	if (fstat(fd, &info) < 0)
		rc = aios_fail(st, -errno, "cannot read %.300s: %s", path, strerror(errno));
	else if (!S_ISREG(info.st_mode) || info.st_size <= 0)
		rc = aios_fail(st, -EINVAL, "%.300s is empty or no file", path);
	if (rc == 0) {
		map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED)
			rc = aios_fail(st, -errno, "cannot map %.300s: %s", path, strerror(errno));
	}
	close(fd);
	if (rc < 0)
		return rc;
	rc = capsule_open_memory(r, map, (uint64_t)info.st_size, st);
	r->map = map;
	if (rc < 0)
		capsule_close(r);
	return rc;
}

void capsule_close(struct capsule_reader *r)
{
	if (r->map)
		munmap(r->map, r->size);
	free(r->blobs);
	memset(r, 0, sizeof(*r));
}

/* The next chunk's head; its bytes are all there. 1, 0 at the end. */
static int next_chunk(struct capsule_reader *r, struct file_chunk *chunk, struct aios_status *st)
{
	uint64_t left = r->size - r->at;

	if (left == 0)
		return 0;
	if (left < sizeof(*chunk))
		return broken(r, st, "a chunk is cut");
	memcpy(chunk, r->data + r->at, sizeof(*chunk));
	if (chunk->bytes > left - sizeof(*chunk) || pad8(chunk->bytes) > left - sizeof(*chunk))
		return broken(r, st, "a chunk is cut");
	r->at += sizeof(*chunk);
	return 1;
}

static int read_blob(struct capsule_reader *r, uint64_t bytes, struct aios_status *st)
{
	uint8_t digest[CAPSULE_DIGEST];

	if (bytes < CAPSULE_DIGEST)
		return broken(r, st, "a part is shorter than its digest");
	if (r->seen_blobs == r->n_blobs)
		return broken(r, st, "there are more parts than the header says");
	capsule_digest(r->data + r->at + CAPSULE_DIGEST, bytes - CAPSULE_DIGEST, digest);
	if (memcmp(digest, r->data + r->at, CAPSULE_DIGEST) != 0)
		return broken(r, st, "a part does not match its digest");
	r->blobs[r->seen_blobs++] = r->at - sizeof(struct file_chunk);
	return 0;
}

/* The bytes of a blob that was seen; NULL when there is none of this number and size. */
static const uint8_t *blob(const struct capsule_reader *r, uint64_t index, uint64_t bytes)
{
	struct file_chunk chunk;

	if (index >= r->seen_blobs)
		return NULL;
	memcpy(&chunk, r->data + r->blobs[index], sizeof(chunk));
	if (chunk.bytes - CAPSULE_DIGEST != bytes)
		return NULL;
	return r->data + r->blobs[index] + sizeof(chunk) + CAPSULE_DIGEST;
}

static int read_operand(const struct capsule_reader *r, struct capsule_entry *e, uint32_t i,
			const struct file_operand *row, struct aios_status *st)
{
	struct hook_operand *o = &e->image.operands.v[i];
	bool needed = o->flags & (HOOK_READ | HOOK_PAGES);
	const uint8_t *in;
	uint64_t bytes;

	if (o->flags & HOOK_BY_PARAMS)
		o->rows = row->rows;
	if (row->field != o->field || row->rows != o->rows)
		return broken(r, st, "an operand is not the descriptor's");
	if (o->layout != AIOS_LAYOUT_ROWS)
		return broken(r, st, "an operand is not in plain rows");
	bytes = hook_operand_bytes(o);
	if (needed) {
		in = blob(r, row->in, bytes);
		if (!in)
			return broken(r, st, "the bytes of an operand are missing");
		e->image.in[i] = malloc(bytes ? bytes : 1);
		if (!e->image.in[i])
			return aios_fail(st, -ENOMEM, "no memory for %llu bytes of %s",
					 (unsigned long long)bytes, o->name);
		memcpy(e->image.in[i], in, bytes);
	}
	e->has_out[i] = (o->flags & HOOK_WRITE) && (row->flags & OPERAND_DIGEST);
	memcpy(e->digest[i], row->digest, CAPSULE_DIGEST);
	if (e->has_out[i] && row->out != NO_BLOB) {
		e->out[i] = blob(r, row->out, bytes);
		if (!e->out[i])
			return broken(r, st, "the bytes of an output are missing");
	}
	return 0;
}

/* Pages as they were on the device: for messages only. */
static int read_pages(struct capsule_entry *e, const uint8_t *from, uint32_t n,
		      struct aios_status *st)
{
	if (n == 0)
		return 0;
	e->image.pages.pages = malloc((size_t)n * sizeof(int32_t));
	if (!e->image.pages.pages)
		return aios_fail(st, -ENOMEM, "no memory for %u pages", n);
	memcpy(e->image.pages.pages, from, (size_t)n * sizeof(int32_t));
	e->image.pages.n = n;
	return 0;
}

static int read_op(struct capsule_reader *r, uint64_t bytes, struct capsule_entry *e,
		   struct aios_status *st)
{
	const uint8_t *at = r->data + r->at;
	struct file_operand row;
	struct file_op op;
	uint64_t table, need;
	uint32_t size;
	int rc;

	if (bytes < sizeof(op))
		return broken(r, st, "a launch is cut");
	memcpy(&op, at, sizeof(op));
	table = sizeof(op) + pad8(op.descriptor_bytes);
	need = table + (uint64_t)op.n_operands * sizeof(row) + (uint64_t)op.n_pages * 4;
	if (op.descriptor_bytes < sizeof(struct aios_op) ||
	    op.descriptor_bytes > sizeof(e->image.any) || need != bytes)
		return broken(r, st, "a launch has the wrong size");
	memcpy(&e->image.any, at + sizeof(op), op.descriptor_bytes);
	size = hook_op_size(e->image.any.op.type);
	if (size != op.descriptor_bytes || e->image.any.op.size != size)
		return broken(r, st, "a launch's op is unknown to this version");
	hook_operands(&e->image.any.op, &e->image.operands);
	if (e->image.operands.n != op.n_operands)
		return broken(r, st, "a launch has the wrong number of operands");
	e->number = op.number;
	for (uint32_t i = 0; i < op.n_operands; i++) {
		memcpy(&row, at + table + i * sizeof(row), sizeof(row));
		rc = read_operand(r, e, i, &row, st);
		if (rc < 0)
			return rc;
	}
	rc = read_pages(e, at + table + op.n_operands * sizeof(row), op.n_pages, st);
	return rc < 0 ? rc : hook_image_check(&e->image, st);
}

int capsule_next(struct capsule_reader *r, struct capsule_entry *e, struct aios_status *st)
{
	struct file_chunk chunk;
	int rc;

	memset(e, 0, sizeof(*e));
	while ((rc = next_chunk(r, &chunk, st)) > 0) {
		if (chunk.kind == CHUNK_BLOB)
			rc = read_blob(r, chunk.bytes, st);
		else if (chunk.kind != CHUNK_OP)
			rc = broken(r, st, "a chunk is of an unknown kind");
		else
			rc = read_op(r, chunk.bytes, e, st);
		if (rc < 0) {
			hook_image_free(&e->image);
			return rc;
		}
		r->at += pad8(chunk.bytes);
		if (chunk.kind == CHUNK_OP) {
			r->seen_ops++;
			return 1;
		}
	}
	if (rc == 0 && (r->seen_ops != r->n_ops || r->seen_blobs != r->n_blobs))
		return broken(r, st, "there is less than the header says");
	return rc;
}
