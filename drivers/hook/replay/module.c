// SPDX-License-Identifier: Apache-2.0
/*
 * replay - run the launches of a file (of the hooks record and shadow) on a
 * device when it is opened, and compare what comes out.
 *
 *	replay:FILE[,against=DRIVER][,report=FILE]
 *
 * Outputs are compared with the file's: bytes when it has them, else digests,
 * which tell that an operand differs but not where. With `against` each launch is
 * also run on that driver and compared element by element. Opening the device
 * fails with -EBADMSG when anything differs; else it works as if this hook were
 * not there. 'aios replay' is this hook with a front end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/capsule.h"
#include "lib/pass.h"
#include "lib/words.h"

#define REPLAY_TIMEOUT_NS (600ull * 1000000000ull)

struct replay {
	struct hook_base base;
	struct aios_below ref; /* ops NULL: none */
	char path[PATH_MAX / 2], report[PATH_MAX / 2];
	struct hook_io io, ref_io;
	struct hook_room room, ref_room;
	char recorded[32]; /* the driver of the file */
	uint64_t launches, equal, different, unsupported;
	/* the first difference: */
	uint64_t number;
	uint32_t type, layer;
	bool located; /* `diff` is filled, else only `operand` */
	struct hook_diff diff;
	const char *operand;
	char message[400];
};

/* ---- arguments ------------------------------------------------------------------- */

static int replay_reference(const char *args, char name[64], struct aios_status *st)
{
	char word[PATH_MAX];
	const char *value;

	name[0] = '\0';
	while (hook_next_word(&args, word, sizeof(word)) != 0) {
		if (!hook_word_value(word, "against", &value))
			continue;
		if (!*value || strlen(value) >= 64)
			return aios_fail(st, -EINVAL,
					 "replay: against=DRIVER needs a driver's name");
		snprintf(name, 64, "%s", value);
	}
	return 0;
}

static int parse_args(struct replay *r, const char *args, struct aios_status *st)
{
	char word[PATH_MAX / 2];
	const char *value;
	int rc = hook_next_word(&args, r->path, sizeof(r->path));

	if (rc <= 0 || !r->path[0])
		return aios_fail(st, -EINVAL,
				 "replay needs a file: replay:FILE[,against=DRIVER][,report=FILE]");
	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0) {
		if (rc > 0 && hook_word_value(word, "report", &value) && *value)
			snprintf(r->report, sizeof(r->report), "%s", value);
		else if (rc < 0 || !hook_word_value(word, "against", &value))
			return aios_fail(st, -EINVAL,
					 "replay: '%.60s' is none of against=DRIVER, report=FILE",
					 word);
	}
	return 0;
}

/* ---- the report -------------------------------------------------------------------- */

static void report_first(const struct replay *r, FILE *f)
{
	char place[96];

	fprintf(f, "{\"launch\":%llu,\"op\":\"%s\",\"layer\":%d,\"operand\":\"%s\"",
		(unsigned long long)r->number, aios_op_name(r->type), (int)r->layer - 1,
		r->operand);
	if (r->located) {
		hook_diff_place(&r->diff, place, sizeof(place));
		fprintf(f,
			",\"place\":\"%s\",\"row\":%u,\"col\":%u,\"dtype\":\"%s\",\"got\":%llu,"
			"\"want\":%llu,\"count\":%llu,\"total\":%llu",
			place, r->diff.row, r->diff.col, aios_dtype_name(r->diff.dtype),
			(unsigned long long)r->diff.got, (unsigned long long)r->diff.want,
			(unsigned long long)r->diff.count, (unsigned long long)r->diff.total);
		if (r->diff.ulps != UINT64_MAX)
			fprintf(f, ",\"ulps\":%llu", (unsigned long long)r->diff.ulps);
	}
	fputc('}', f);
}

static int write_report(const struct replay *r, struct aios_status *st)
{
	char temporary[PATH_MAX];
	bool ok;
	FILE *f;

	if (!r->report[0])
		return 0;
	snprintf(temporary, sizeof(temporary), "%s.part", r->report);
	f = fopen(temporary, "we");
	if (!f)
		return aios_fail(st, -errno, "cannot write %.300s: %s", temporary, strerror(errno));
	fprintf(f,
		"{\"driver\":\"%s\",\"recorded_by\":\"%s\",\"launches\":%llu,\"equal\":%llu,"
		"\"different\":%llu,\"unsupported\":%llu,\"first\":",
		r->base.below.driver, r->recorded, (unsigned long long)r->launches,
		(unsigned long long)r->equal, (unsigned long long)r->different,
		(unsigned long long)r->unsupported);
	if (r->different)
		report_first(r, f);
	else
		fputs("null", f);
	fputs("}\n", f);
	ok = !ferror(f);
	ok = fclose(f) == 0 && ok;
	if (ok && rename(temporary, r->report) == 0)
		return 0;
	unlink(temporary);
	return aios_fail(st, -EIO, "cannot write %.300s: %s", r->report, strerror(errno));
}

/* ---- launches ----------------------------------------------------------------------- */

static void layer_text(uint32_t label, char *text, size_t size)
{
	if (label)
		snprintf(text, size, "layer %u", label - 1);
	else
		snprintf(text, size, "outside the layers");
}

static void note_difference(struct replay *r, const struct capsule_entry *e, const char *operand,
			    const struct hook_diff *diff)
{
	char layer[24], text[320];

	layer_text(e->image.any.op.layer, layer, sizeof(layer));
	if (diff)
		hook_diff_text(diff, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s has another digest than the file's", operand);
	aios_host_log(r->base.host, AIOS_LOG_ERROR, "launch %llu, %s, %s: %s",
		      (unsigned long long)e->number, aios_op_name(e->image.any.op.type), layer,
		      text);
	if (r->different++)
		return;
	r->number = e->number;
	r->type = e->image.any.op.type;
	r->layer = e->image.any.op.layer;
	r->operand = operand;
	r->located = diff != NULL;
	if (diff)
		r->diff = *diff;
	snprintf(r->message, sizeof(r->message), "launch %llu, %s, %s: %s",
		 (unsigned long long)e->number, aios_op_name(r->type), layer, text);
}

/* Is there an output that the file has as a digest only, or another one, and that differs? */
static const char *digest_differs(const struct capsule_entry *e)
{
	uint8_t digest[CAPSULE_DIGEST];

	for (uint32_t i = 0; i < e->image.operands.n; i++) {
		if (!e->has_out[i] || !e->image.out[i])
			continue;
		capsule_digest(e->image.out[i], hook_operand_bytes(&e->image.operands.v[i]),
			       digest);
		if (memcmp(digest, e->digest[i], CAPSULE_DIGEST) != 0)
			return e->image.operands.v[i].name;
	}
	return NULL;
}

/* Compare with the outputs in the file, else with those of the reference, else by digest. */
static int compare(struct replay *r, struct capsule_entry *e, struct aios_status *st)
{
	const char *operand = digest_differs(e);
	uint8_t *want[HOOK_MAX_OPERANDS] = { NULL };
	struct hook_diff diff;
	int rc = 0;

	for (uint32_t i = 0; i < e->image.operands.n; i++)
		want[i] = (uint8_t *)(uintptr_t)e->out[i];
	if (hook_image_diff(&e->image, want, &diff)) {
		note_difference(r, e, diff.operand, &diff);
		return 0;
	}
	memset(want, 0, sizeof(want));
	if (r->ref.ops)
		rc = hook_image_run(&e->image, &r->ref_io, &r->ref_room, NULL, want, st);
	if (rc == 0 && r->ref.ops && hook_image_diff(&e->image, want, &diff))
		note_difference(r, e, diff.operand, &diff);
	else if (rc == 0 && operand)
		note_difference(r, e, operand, NULL);
	else if (rc == 0)
		r->equal++;
	hook_free_outputs(want);
	return rc;
}

static int replay_one(struct replay *r, struct capsule_entry *e, struct aios_status *st)
{
	int rc = hook_image_run(&e->image, &r->io, &r->room, NULL, e->image.out, st);

	r->launches++;
	if (rc == -ENOTSUP) {
		if (r->unsupported++ < 8 && st)
			aios_host_log(r->base.host, AIOS_LOG_WARN,
				      "launch %llu cannot be replayed: %s",
				      (unsigned long long)e->number, st->message);
		aios_status_clear(st);
		return 0;
	}
	return rc < 0 ? rc : compare(r, e, st);
}

static int replay_file(struct replay *r, struct aios_status *st)
{
	struct capsule_reader reader;
	struct capsule_entry e;
	int rc = capsule_open(&reader, r->path, st);

	if (rc < 0)
		return rc;
	snprintf(r->recorded, sizeof(r->recorded), "%.31s", reader.driver);
	/* It stands in a JSON text; whoever wrote the file may be anybody. */
	for (char *c = r->recorded; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	while ((rc = capsule_next(&reader, &e, st)) > 0) {
		rc = replay_one(r, &e, st);
		hook_image_free(&e.image);
		if (rc < 0)
			break;
	}
	capsule_close(&reader);
	return rc;
}

/* What all of it means. */
static int conclude(struct replay *r, struct aios_status *st)
{
	aios_host_log(r->base.host, AIOS_LOG_INFO,
		      "%llu launches, %llu equal, %llu different, %llu unsupported",
		      (unsigned long long)r->launches, (unsigned long long)r->equal,
		      (unsigned long long)r->different, (unsigned long long)r->unsupported);
	if (r->different)
		return aios_fail(st, -EBADMSG, "%llu of %llu launches differ; the first: %s",
				 (unsigned long long)r->different, (unsigned long long)r->launches,
				 r->message);
	if (r->launches == 0)
		return aios_fail(st, -ENODATA, "%.300s holds no launches", r->path);
	if (r->equal == 0)
		return aios_fail(st, -ENOTSUP, "driver %s can run none of the %llu launches",
				 r->base.below.driver, (unsigned long long)r->launches);
	return 0;
}

static int open_queues(struct replay *r, struct aios_status *st)
{
	int rc;

	r->io = (struct hook_io){ &r->base.below, NULL, REPLAY_TIMEOUT_NS };
	r->ref_io = (struct hook_io){ &r->ref, NULL, REPLAY_TIMEOUT_NS };
	rc = hook_pass_queue_create(&r->base, &r->io.queue, st);
	if (rc < 0 || !r->ref.ops)
		return rc;
	rc = r->ref.ops->queue_create(r->ref.dev, &r->ref_io.queue, st);
	if (rc < 0)
		hook_pass_queue_destroy(&r->base, r->io.queue);
	return rc;
}

static void close_queues(struct replay *r)
{
	hook_io_sync(&r->io, NULL);
	hook_room_free(&r->room, &r->io);
	hook_pass_queue_destroy(&r->base, r->io.queue);
	if (!r->ref.ops)
		return;
	hook_io_sync(&r->ref_io, NULL);
	hook_room_free(&r->ref_room, &r->ref_io);
	r->ref.ops->queue_destroy(r->ref.dev, r->ref_io.queue);
}

static int replay_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		       void **dev, struct aios_status *st)
{
	struct replay *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return aios_fail(st, -ENOMEM, "no memory for the hook replay");
	r->base.host = host;
	r->base.below = attach->device;
	r->ref = attach->reference;
	rc = parse_args(r, attach->args, st);
	if (rc == 0)
		rc = open_queues(r, st);
	if (rc < 0)
		goto free_replay;
	rc = replay_file(r, st);
	close_queues(r);
	if (rc == 0)
		rc = write_report(r, st);
	if (rc == 0)
		rc = conclude(r, st);
	if (rc < 0)
		goto free_replay;
	*dev = r;
	return 0;

free_replay:
	free(r);
	return rc;
}

static void replay_close(void *dev)
{
	free(dev);
}

static const struct aios_driver_ops replay_table = {
	.size = sizeof(replay_table),
	.quiesce = hook_pass_quiesce,
	.close = replay_close,
	.device_info = hook_pass_device_info,
	.heap_info = hook_pass_heap_info,
	.mem_alloc = hook_pass_mem_alloc,
	.mem_free = hook_pass_mem_free,
	.queue_create = hook_pass_queue_create,
	.queue_destroy = hook_pass_queue_destroy,
	.query_op = hook_pass_query_op,
	.launch = hook_pass_launch,
	.copy = hook_pass_copy,
	.fill = hook_pass_fill,
	.signal = hook_pass_signal,
	.elapsed = hook_pass_elapsed,
	.wait = hook_pass_wait,
	.queue_wait = hook_pass_queue_wait,
	.weight_layout = hook_pass_weight_layout,
	.mem_import = hook_pass_mem_import,
	.graph_begin = hook_pass_graph_begin,
	.graph_end = hook_pass_graph_end,
	.graph_launch = hook_pass_graph_launch,
	.graph_destroy = hook_pass_graph_destroy,
	.reset = hook_pass_reset,
};

static const struct aios_hook_ops replay_ops = {
	.size = sizeof(replay_ops),
	.wrap = replay_wrap,
	.ops = &replay_table,
	.reference = replay_reference,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(needs, "libxxhash.so.0");
AIOS_MODULE_INFO(description, "run the launches of a recording and compare what comes out");
AIOS_HOOK(replay, "replay", &replay_ops, NULL, 0);
