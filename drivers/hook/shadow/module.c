// SPDX-License-Identifier: Apache-2.0
/*
 * shadow - re-run a sample of ops on a reference device as they happen, and
 * compare the outputs bit for bit.
 *
 *	shadow:DRIVER[,N/M][,stop|log][,capsule=FOLDER][,report=FILE][,cache=SIZE]
 *
 * Of M launches N are chosen, by a counter-based generator, so that every run of
 * a program chooses the same. What an op reads is taken from the device before
 * the launch (ops work in place) and brought to the reference; weights stay
 * there until the device's memory is written. At the first difference the op,
 * its layer, the element and both bit patterns are reported and the launch is
 * kept as a capsule; then launches fail with -EBADMSG (stop) or go on (log).
 *
 * What a graph holds is not compared: it runs without passing here.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/numerics.h>

#include "cache.h"
#include "lib/capsule.h"
#include "lib/pass.h"
#include "lib/words.h"

#define SHADOW_TIMEOUT_NS (600ull * 1000000000ull)
#define SHADOW_CACHE ((uint64_t)16 << 30)
#define SHADOW_MAX_RANGES 4096u

/* What was said about the first difference. */
struct shadow_finding {
	uint64_t launch;
	uint32_t type, layer; /* layer: the op's label, 0: none */
	struct hook_diff diff;
	char capsule[PATH_MAX];
};

struct shadow_range {
	aios_addr addr;
	uint64_t bytes;
};

struct shadow {
	struct hook_base base;
	struct aios_below ref;
	void *ref_queue;
	pthread_mutex_t lock; /* queues launch from threads of their own */
	uint64_t num, den;    /* num of den launches */
	bool stop;
	char folder[PATH_MAX / 2], report[PATH_MAX / 2];
	struct cache cache;
	struct hook_room room;
	uint32_t capturing;
	struct shadow_range *graph; /* what captured work writes when it runs */
	uint32_t n_graph, cap_graph;
	bool graph_overflow; /* there was no room to remember: all weights go stale */
	uint64_t launches, compared, skipped, captured, differences;
	uint64_t unsupported[AIOS_OP_COUNT]; /* of the reference */
	struct shadow_finding first;
	bool broken; /* the report could not be written */
};

/* ---- arguments ------------------------------------------------------------------ */

static int shadow_reference(const char *args, char name[64], struct aios_status *st)
{
	size_t len = strcspn(args, ",");

	if (len == 0 || len >= 64)
		return aios_fail(st, -EINVAL,
				 "shadow needs the name of a reference driver: shadow:DRIVER[,N/M]"
				 "[,stop|log][,capsule=FOLDER][,report=FILE][,cache=SIZE]");
	snprintf(name, 64, "%.*s", (int)len, args);
	return 0;
}

/* "1/64" */
static bool parse_rate(const char *word, uint64_t *num, uint64_t *den)
{
	const char *slash = strchr(word, '/');
	char text[24];

	if (!slash || (size_t)(slash - word) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(slash - word), word);
	return hook_parse_number(text, num) && hook_parse_number(slash + 1, den) && *num > 0 &&
	       *num <= *den && *den <= UINT32_MAX;
}

static bool keep_path(char *path, size_t size, const char *value)
{
	return *value && (size_t)snprintf(path, size, "%s", value) < size;
}

static bool parse_word(struct shadow *s, const char *word)
{
	const char *value;

	if (strcmp(word, "stop") == 0 || strcmp(word, "log") == 0)
		s->stop = word[0] == 's';
	else if (hook_word_value(word, "capsule", &value))
		return keep_path(s->folder, sizeof(s->folder), value);
	else if (hook_word_value(word, "report", &value))
		return keep_path(s->report, sizeof(s->report), value);
	else if (hook_word_value(word, "cache", &value))
		return hook_parse_size(value, &s->cache.limit);
	else
		return parse_rate(word, &s->num, &s->den);
	return true;
}

static int parse_args(struct shadow *s, const char *args, struct aios_status *st)
{
	char word[PATH_MAX];
	int rc;

	args += strcspn(args, ",");
	args += *args == ',';
	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0)
		if (rc < 0 || !parse_word(s, word))
			return aios_fail(st, -EINVAL,
					 "shadow: '%.100s' is none of N/M (1/64), stop, log, "
					 "capsule=FOLDER, report=FILE, cache=SIZE",
					 word);
	return 0;
}

/* ---- the report ----------------------------------------------------------------- */

static void report_finding(FILE *f, const struct shadow_finding *x)
{
	char place[96];

	hook_diff_place(&x->diff, place, sizeof(place));
	fprintf(f,
		"{\"launch\":%llu,\"op\":\"%s\",\"layer\":%d,\"place\":\"%s\",\"operand\":\"%s\","
		"\"row\":%u,\"col\":%u,\"dtype\":\"%s\",\"got\":%llu,\"want\":%llu,",
		(unsigned long long)x->launch, aios_op_name(x->type), (int)x->layer - 1, place,
		x->diff.operand, x->diff.row, x->diff.col, aios_dtype_name(x->diff.dtype),
		(unsigned long long)x->diff.got, (unsigned long long)x->diff.want);
	if (x->diff.page >= 0)
		fprintf(f, "\"page\":%d,\"head\":%u,", x->diff.page, x->diff.head);
	if (x->diff.ulps != UINT64_MAX)
		fprintf(f, "\"ulps\":%llu,", (unsigned long long)x->diff.ulps);
	fprintf(f, "\"count\":%llu,\"total\":%llu,\"capsule\":%s}",
		(unsigned long long)x->diff.count, (unsigned long long)x->diff.total,
		x->capsule[0] ? "true" : "false");
}

/* Write the report under another name and rename it. */
static void write_report(struct shadow *s)
{
	char temporary[PATH_MAX];
	uint64_t unsupported = 0;
	bool ok;
	FILE *f;

	if (!s->report[0])
		return;
	for (uint32_t t = 0; t < AIOS_OP_COUNT; t++)
		unsupported += s->unsupported[t];
	snprintf(temporary, sizeof(temporary), "%s.part", s->report);
	f = fopen(temporary, "we");
	if (f) {
		fprintf(f,
			"{\"driver\":\"%s\",\"reference\":\"%s\",\"launches\":%llu,\"compared\":%"
			"llu,"
			"\"skipped\":%llu,\"captured\":%llu,\"unsupported\":%llu,"
			"\"differences\":%llu,\"first\":",
			s->base.below.driver, s->ref.driver, (unsigned long long)s->launches,
			(unsigned long long)s->compared, (unsigned long long)s->skipped,
			(unsigned long long)s->captured, (unsigned long long)unsupported,
			(unsigned long long)s->differences);
		if (s->differences)
			report_finding(f, &s->first);
		else
			fputs("null", f);
		fputs("}\n", f);
		ok = !ferror(f);
		ok = fclose(f) == 0 && ok;
		if (ok && rename(temporary, s->report) == 0)
			return;
		unlink(temporary);
	}
	aios_host_log(s->base.host, AIOS_LOG_ERROR, "cannot write %.300s: %s", s->report,
		      strerror(errno));
}

static void log_totals(const struct shadow *s)
{
	for (uint32_t t = 0; t < AIOS_OP_COUNT; t++)
		if (s->unsupported[t])
			aios_host_log(s->base.host, AIOS_LOG_WARN,
				      "%llu %s were not compared: %s cannot run them",
				      (unsigned long long)s->unsupported[t], aios_op_name(t),
				      s->ref.driver);
	if (s->captured)
		aios_host_log(s->base.host, AIOS_LOG_WARN,
			      "%llu launches went into graphs and were not compared",
			      (unsigned long long)s->captured);
	aios_host_log(s->base.host, AIOS_LOG_INFO,
		      "%llu of %llu launches compared with %s, %llu skipped: %llu differ",
		      (unsigned long long)s->compared, (unsigned long long)s->launches,
		      s->ref.driver, (unsigned long long)s->skipped,
		      (unsigned long long)s->differences);
}

/* ---- life ------------------------------------------------------------------------ */

static struct hook_io ref_io(const struct shadow *s)
{
	struct hook_io io = { &s->ref, s->ref_queue, SHADOW_TIMEOUT_NS };

	return io;
}

static int shadow_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		       void **dev, struct aios_status *st)
{
	struct shadow *s;
	int rc;

	if (!attach->reference.ops)
		return aios_fail(st, -EINVAL, "shadow was given no reference device");
	s = calloc(1, sizeof(*s));
	if (!s)
		return aios_fail(st, -ENOMEM, "no memory for the hook shadow");
	s->base.host = host;
	s->base.below = attach->device;
	s->ref = attach->reference;
	s->num = 1;
	s->den = 1;
	s->stop = true;
	s->cache.limit = SHADOW_CACHE;
	rc = parse_args(s, attach->args, st);
	if (rc == 0)
		rc = s->ref.ops->queue_create(s->ref.dev, &s->ref_queue, st);
	if (rc < 0) {
		free(s);
		return rc;
	}
	pthread_mutex_init(&s->lock, NULL);
	*dev = s;
	return 0;
}

static void shadow_close(void *dev)
{
	struct shadow *s = dev;
	struct hook_io io;

	if (!s)
		return;
	io = ref_io(s);
	log_totals(s);
	write_report(s);
	hook_io_sync(&io, NULL);
	hook_room_free(&s->room, &io);
	cache_clear(&s->cache, &io);
	s->ref.ops->queue_destroy(s->ref.dev, s->ref_queue);
	pthread_mutex_destroy(&s->lock);
	free(s->graph);
	free(s);
}

/* ---- what is written ------------------------------------------------------------- */

/* Captured work writes again each time its graph runs. */
static void graph_writes(struct shadow *s, aios_addr addr, uint64_t bytes)
{
	struct shadow_range *ranges;
	uint32_t cap;

	for (uint32_t i = 0; i < s->n_graph; i++)
		if (s->graph[i].addr == addr && s->graph[i].bytes >= bytes)
			return;
	if (s->n_graph == s->cap_graph) {
		cap = s->cap_graph ? 2 * s->cap_graph : 64;
		ranges = cap > SHADOW_MAX_RANGES ? NULL : realloc(s->graph, cap * sizeof(*ranges));
		if (!ranges) {
			s->graph_overflow = true;
			return;
		}
		s->graph = ranges;
		s->cap_graph = cap;
	}
	s->graph[s->n_graph++] = (struct shadow_range){ addr, bytes };
}

static void written(struct shadow *s, aios_addr addr, uint64_t bytes)
{
	if (bytes > UINT64_MAX - addr)
		bytes = UINT64_MAX - addr;
	cache_written(&s->cache, addr, bytes);
	if (s->capturing)
		graph_writes(s, addr, bytes);
}

/* Note the outputs of a launch; `packed` is kept fresh: its copy was made with it. */
static void op_written(struct shadow *s, const struct aios_op *op)
{
	struct hook_operands list;

	if (!hook_operands(op, &list))
		return;
	for (uint32_t i = 0; i < list.n; i++) {
		uint64_t bytes = hook_operand_bytes(&list.v[i]);

		if (list.v[i].flags & (HOOK_WRITE | HOOK_SCRATCH) && list.v[i].addr)
			written(s, list.v[i].addr, bytes ? bytes : 1);
	}
}

/* ---- weights ---------------------------------------------------------------------- */

static bool not_a_weight(void *ctx, const struct hook_operand *o)
{
	(void)ctx;
	return !(o->flags & HOOK_WEIGHT);
}

/* Bring a weight to the reference, or take it along in the image when the cache has no room. */
static int fetch_weight(struct shadow *s, struct hook_image *im, const struct hook_io *io,
			uint32_t i, aios_addr *placed, struct aios_status *st)
{
	const struct hook_operand *o = &im->operands.v[i];
	struct aios_tensor plain = { .row_bytes = o->row_bytes, .plane_bytes = o->plane_bytes };
	struct hook_io ref = ref_io(s);
	struct cache_entry *e = cache_find(&s->cache, o);
	uint64_t bytes = hook_operand_bytes(o);
	int rc = 0;

	if (o->layout != AIOS_LAYOUT_ROWS && (!e || !e->fresh))
		return aios_fail(st, -ENOTSUP,
				 "%s is in the driver's own layout %u and was not "
				 "packed under shadow's eyes",
				 o->name, o->layout);
	if (!e && bytes)
		rc = cache_make(&s->cache, &ref, o, &plain, bytes, &e, st);
	if (rc == 0 && e && e->fresh) {
		*placed = e->mem.addr;
		return 0;
	}
	if (rc == 0)
		rc = hook_image_take_in(im, io, i, st);
	if (rc < 0 || !e)
		return rc;
	rc = hook_io_write(&ref, e->mem.addr, im->in[i], bytes, st);
	if (rc == 0)
		rc = hook_io_sync(&ref, st);
	if (rc < 0)
		return rc;
	free(im->in[i]);
	im->in[i] = NULL;
	e->fresh = true;
	*placed = e->mem.addr;
	return 0;
}

/* A matmul's weight that was packed is plain on the reference. */
static void unpack_descriptor(struct shadow *s, struct hook_image *im)
{
	int i = hook_find_operand(&im->operands, "w");
	struct aios_tensor *w = &im->any.matmul.w;
	const struct cache_entry *e;

	if (im->any.op.type != AIOS_OP_MATMUL || i < 0 || w->layout == AIOS_LAYOUT_ROWS)
		return;
	e = cache_find(&s->cache, &im->operands.v[i]);
	w->layout = AIOS_LAYOUT_ROWS;
	w->row_bytes = e->row_bytes;
	w->plane_bytes = e->plane_bytes;
	hook_operands(&im->any.op, &im->operands);
}

static int fetch_weights(struct shadow *s, struct hook_image *im, const struct hook_io *io,
			 aios_addr *placed, struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++)
		if ((im->operands.v[i].flags & HOOK_WEIGHT) && im->operands.v[i].addr)
			rc = fetch_weight(s, im, io, i, &placed[i], st);
	if (rc == 0)
		unpack_descriptor(s, im);
	return rc;
}

/* The tensor that CAST or QUANTISE packs, or NULL when this op packs nothing. */
static struct aios_tensor *packed_output(union aios_op_any *any)
{
	struct aios_tensor *t = NULL;

	if (any->op.type == AIOS_OP_CAST)
		t = &any->cast.out;
	else if (any->op.type == AIOS_OP_QUANTISE)
		t = &any->quantise.out;
	return t && t->layout != AIOS_LAYOUT_ROWS ? t : NULL;
}

/* Rows as the core would lay them out. Returns their bytes. */
static uint64_t plain_rows(struct aios_tensor *t)
{
	uint64_t bytes;

	t->layout = AIOS_LAYOUT_ROWS;
	t->row_bytes = ((uint64_t)t->cols * aios_dtype_bytes(t->dtype) + 15) / 16 * 16;
	bytes = t->row_bytes * t->rows;
	t->plane_bytes = t->dtype == AIOS_I8X2 ? (bytes + 255) / 256 * 256 : 0;
	return bytes + t->plane_bytes;
}

/*
 * The device packs a weight into its own layout, which nobody else can read: make
 * the plain rows on the reference from the same input, and keep them.
 */
static int keep_packed(struct shadow *s, struct hook_image *im, struct aios_status *st)
{
	uint8_t *out[HOOK_MAX_OPERANDS] = { NULL };
	aios_addr placed[HOOK_MAX_OPERANDS] = { 0 };
	struct aios_tensor *t = packed_output(&im->any);
	int i = hook_find_operand(&im->operands, "out");
	struct hook_operand packed = im->operands.v[i];
	struct hook_io ref = ref_io(s);
	struct cache_entry *e = cache_find(&s->cache, &packed);
	uint64_t bytes = plain_rows(t);
	int rc = 0;

	hook_operands(&im->any.op, &im->operands);
	if (!e)
		rc = cache_make(&s->cache, &ref, &packed, t, bytes, &e, st);
	if (rc < 0 || !e)
		return rc;
	placed[i] = e->mem.addr;
	rc = hook_image_run(im, &ref, &s->room, placed, out, st);
	hook_free_outputs(out);
	e->fresh = rc == 0;
	return rc;
}

/* ---- comparing -------------------------------------------------------------------- */

/* Of den launches num, chosen by the launch's number alone. */
static bool chosen(const struct shadow *s, uint64_t launch)
{
	const uint32_t key[2] = { 0x73686164u, 0x6f77u };
	uint32_t ctr[4] = { (uint32_t)launch, (uint32_t)(launch >> 32), 0, 0 }, x[4];

	if (s->num == s->den)
		return true;
	aios_philox4x32(ctr, key, x);
	return (uint64_t)x[0] * s->den >> 32 < s->num;
}

static bool reference_has(struct shadow *s, const struct aios_op *op)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	union aios_op_any any;

	if (!hook_op_size(op->type) || op->size < hook_op_size(op->type))
		return false;
	memcpy(&any, op, hook_op_size(op->type));
	any.op.size = hook_op_size(op->type);
	if (packed_output(&any))
		plain_rows(packed_output(&any));
	if (op->type == AIOS_OP_MATMUL && any.matmul.w.layout != AIOS_LAYOUT_ROWS)
		plain_rows(&any.matmul.w);
	if (s->ref.ops->query_op(s->ref.dev, &any.op, &answer) == 0 &&
	    answer.level == AIOS_SUPPORT_EXACT)
		return true;
	return false;
}

/* Keep the launch as a capsule: inputs, weights included, and what the reference made of them. */
static void keep_capsule(struct shadow *s, struct hook_image *im, const struct hook_io *io,
			 uint8_t *want[HOOK_MAX_OPERANDS], const aios_addr *placed)
{
	struct hook_io ref = ref_io(s);
	struct capsule_writer w;
	struct aios_status st;
	int rc = 0;

	(void)io;
	aios_status_clear(&st);
	snprintf(s->first.capsule, sizeof(s->first.capsule), "%s/shadow-%llu.aios-replay",
		 s->folder, (unsigned long long)s->first.launch);
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++) {
		struct hook_operand *o = &im->operands.v[i];
		aios_addr addr = o->addr;

		if (!placed[i] || im->in[i] || !(o->flags & HOOK_READ))
			continue;
		o->addr = placed[i]; /* the reference's copy is the same */
		rc = hook_image_take_in(im, &ref, i, &st);
		o->addr = addr;
	}
	if (rc == 0)
		rc = capsule_create(&w, s->first.capsule, s->ref.driver, &st);
	if (rc == 0) {
		rc = capsule_add(&w, s->first.launch, im, want, true, NULL, &st);
		rc = capsule_end(&w, rc == 0, rc == 0 ? &st : NULL) < 0 && rc == 0 ? -EIO : rc;
	}
	if (rc == 0)
		return;
	aios_host_log(s->base.host, AIOS_LOG_ERROR, "no capsule: %s", st.message);
	s->first.capsule[0] = '\0';
}

static int differs(struct shadow *s, struct hook_image *im, const struct hook_io *io,
		   uint8_t *want[HOOK_MAX_OPERANDS], const aios_addr *placed,
		   const struct hook_diff *diff, struct aios_status *st)
{
	char text[320], layer[24] = "outside the layers";

	if (s->differences++ == 0) {
		s->first.launch = s->launches;
		s->first.type = im->any.op.type;
		s->first.layer = im->any.op.layer;
		s->first.diff = *diff;
		if (s->folder[0])
			keep_capsule(s, im, io, want, placed);
		write_report(s);
	}
	if (im->any.op.layer)
		snprintf(layer, sizeof(layer), "layer %u", im->any.op.layer - 1u);
	hook_diff_text(diff, text, sizeof(text));
	aios_host_log(s->base.host, AIOS_LOG_ERROR, "launch %llu, %s, %s: %s (%s against %s)",
		      (unsigned long long)s->launches, aios_op_name(im->any.op.type), layer, text,
		      s->base.below.driver, s->ref.driver);
	if (s->first.capsule[0] && s->differences == 1)
		aios_host_log(s->base.host, AIOS_LOG_ERROR, "'aios replay %.380s' repeats it",
			      s->first.capsule);
	if (!s->stop)
		return 0;
	return aios_fail(st, -EBADMSG, "launch %llu, %s, %s: %s (%s against %s)",
			 (unsigned long long)s->launches, aios_op_name(im->any.op.type), layer,
			 text, s->base.below.driver, s->ref.driver);
}

/* Something kept the comparison from happening; the launch itself is not concerned. */
static int skip(struct shadow *s, const struct aios_op *op, const struct aios_status *why)
{
	if (s->skipped++ < 8)
		aios_host_log(s->base.host, AIOS_LOG_WARN, "launch %llu (%s) is not compared: %s",
			      (unsigned long long)s->launches, aios_op_name(op->type),
			      why->message[0] ? why->message : "unknown reason");
	return 0;
}

static int compare(struct shadow *s, struct hook_image *im, const struct hook_io *io,
		   const aios_addr *placed, struct aios_status *st)
{
	uint8_t *want[HOOK_MAX_OPERANDS] = { NULL };
	struct hook_io ref = ref_io(s);
	struct aios_status why;
	struct hook_diff diff;
	int rc;

	aios_status_clear(&why);
	rc = hook_image_take_out(im, io, &why);
	if (rc == -AIOS_DEVICE_LOST) {
		if (st)
			*st = why;
		return rc;
	}
	if (rc == 0)
		rc = hook_image_run(im, &ref, &s->room, placed, want, &why);
	if (rc < 0) {
		rc = skip(s, &im->any.op, &why);
	} else {
		s->compared++;
		if (hook_image_diff(im, want, &diff))
			rc = differs(s, im, io, want, placed, &diff, st);
	}
	hook_free_outputs(want);
	return rc;
}

/* Take what the op reads, launch, compare (or keep the plain rows of what is packed). */
static int launch_and_compare(struct shadow *s, void *queue, const struct aios_op *op,
			      struct aios_status *st)
{
	struct hook_io io = { &s->base.below, queue, SHADOW_TIMEOUT_NS };
	aios_addr placed[HOOK_MAX_OPERANDS] = { 0 };
	struct hook_image im = { 0 };
	struct aios_status why;
	int taken, rc;

	aios_status_clear(&why);
	cache_begin(&s->cache);
	taken = hook_image_take(&im, &io, op, not_a_weight, NULL, &why);
	if (taken == 0)
		taken = fetch_weights(s, &im, &io, placed, &why);
	rc = hook_pass_launch(&s->base, queue, op, st);
	if (rc == 0)
		op_written(s, op);
	if (rc == 0 && taken < 0)
		rc = skip(s, op, &why);
	else if (rc == 0 && packed_output(&im.any))
		taken = keep_packed(s, &im, &why) < 0 ? skip(s, op, &why) : 0;
	else if (rc == 0)
		rc = compare(s, &im, &io, placed, st);
	hook_image_free(&im);
	return rc;
}

static bool packs(const struct aios_op *op)
{
	union aios_op_any any = { 0 };

	if (!hook_op_size(op->type) || op->size < hook_op_size(op->type))
		return false;
	memcpy(&any, op, hook_op_size(op->type));
	return packed_output(&any) != NULL;
}

static int shadow_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct shadow *s = dev;
	bool wanted;
	int rc;

	pthread_mutex_lock(&s->lock);
	s->launches++;
	wanted = chosen(s, s->launches) || packs(op);
	if (s->stop && s->differences) {
		rc = aios_fail(st, -EBADMSG, "stopped: launch %llu (%s) gave other bits than %s",
			       (unsigned long long)s->first.launch, aios_op_name(s->first.type),
			       s->ref.driver);
	} else if (wanted && !s->capturing && reference_has(s, op)) {
		rc = launch_and_compare(s, queue, op, st);
	} else {
		rc = hook_pass_launch(dev, queue, op, st);
		if (rc == 0) {
			op_written(s, op);
			s->captured += wanted && s->capturing;
			if (wanted && !s->capturing && hook_op_size(op->type))
				s->unsupported[op->type]++;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* ---- other writes ----------------------------------------------------------------- */

static void note_write(struct shadow *s, aios_addr addr, uint64_t bytes)
{
	pthread_mutex_lock(&s->lock);
	written(s, addr, bytes);
	pthread_mutex_unlock(&s->lock);
}

static int shadow_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		       uint64_t bytes, struct aios_status *st)
{
	/* Memory of the host may be the device's as well (mapped heaps). */
	note_write(dev, dst, bytes);
	return hook_pass_copy(dev, queue, dir, dst, src, bytes, st);
}

static int shadow_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		       struct aios_status *st)
{
	note_write(dev, dst, bytes);
	return hook_pass_fill(dev, queue, dst, value, bytes, st);
}

static void shadow_mem_free(void *dev, struct aios_mem *mem)
{
	note_write(dev, mem->addr, mem->bytes);
	hook_pass_mem_free(dev, mem);
}

static int shadow_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	struct shadow *s = dev;
	int rc = hook_pass_graph_begin(dev, queue, st);

	pthread_mutex_lock(&s->lock);
	s->capturing += rc == 0;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int shadow_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	struct shadow *s = dev;
	int rc = hook_pass_graph_end(dev, queue, graph, st);

	pthread_mutex_lock(&s->lock);
	s->capturing -= s->capturing > 0;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int shadow_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	struct shadow *s = dev;

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->n_graph; i++)
		cache_written(&s->cache, s->graph[i].addr, s->graph[i].bytes);
	if (s->graph_overflow)
		cache_written(&s->cache, 0, UINT64_MAX);
	pthread_mutex_unlock(&s->lock);
	return hook_pass_graph_launch(dev, queue, graph, st);
}

static int shadow_reset(void *dev, struct aios_status *st)
{
	note_write(dev, 0, UINT64_MAX);
	return hook_pass_reset(dev, st);
}

static const struct aios_driver_ops shadow_table = {
	.size = sizeof(shadow_table),
	.quiesce = hook_pass_quiesce,
	.close = shadow_close,
	.device_info = hook_pass_device_info,
	.heap_info = hook_pass_heap_info,
	.mem_alloc = hook_pass_mem_alloc,
	.mem_free = shadow_mem_free,
	.queue_create = hook_pass_queue_create,
	.queue_destroy = hook_pass_queue_destroy,
	.query_op = hook_pass_query_op,
	.launch = shadow_launch,
	.copy = shadow_copy,
	.fill = shadow_fill,
	.signal = hook_pass_signal,
	.elapsed = hook_pass_elapsed,
	.wait = hook_pass_wait,
	.queue_wait = hook_pass_queue_wait,
	.weight_layout = hook_pass_weight_layout,
	.mem_import = hook_pass_mem_import,
	.graph_begin = shadow_graph_begin,
	.graph_end = shadow_graph_end,
	.graph_launch = shadow_graph_launch,
	.graph_destroy = hook_pass_graph_destroy,
	.reset = shadow_reset,
};

static const struct aios_hook_ops shadow_ops = {
	.size = sizeof(shadow_ops),
	.wrap = shadow_wrap,
	.ops = &shadow_table,
	.reference = shadow_reference,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(needs, "libxxhash.so.0");
AIOS_MODULE_INFO(description, "re-run a sample of ops on another driver and compare every bit");
AIOS_HOOK(shadow, "shadow", &shadow_ops, NULL, 0);
