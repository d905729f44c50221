// SPDX-License-Identifier: Apache-2.0
/* test_hook_shadow.c - shadow, record and replay: what differs is found, what is equal is not. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "hook_bed.h"

Suite *test_hook_shadow_suite(void);

/* cpu-ref, the hooks of `first` below those of `second`; NULL: none. */
static bool begin(struct bed *b, const char *first, const char *first_args, const char *second,
		  const char *second_args)
{
	if (!bed_open(b))
		return false;
	if (first)
		ck_assert_msg(bed_hook(b, first, first_args) == 0, "%s", b->st.message);
	if (second)
		ck_assert_msg(bed_hook(b, second, second_args) == 0, "%s", b->st.message);
	bed_queue(b);
	return true;
}

static void end(struct bed *b, const char *says)
{
	bed_close(b);
	ck_assert_msg(bed_says(b, says) == 1, "not '%s' in\n%s", says, b->log);
}

/* One op of every kind that a layer has, and the tail. Returns the first failure. */
static int launch_all(struct bed *b)
{
	struct aios_op_matmul matmul = bed_matmul(b, 3, 16, 32);
	struct aios_op_add add = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };
	struct aios_op_rmsnorm norm = { .op = AIOS_OP_INIT(struct aios_op_rmsnorm,
							   AIOS_OP_RMSNORM) };
	struct aios_op_quantise quantise = { .op = AIOS_OP_INIT(struct aios_op_quantise,
								AIOS_OP_QUANTISE) };
	struct aios_op_argmax argmax = { .op = AIOS_OP_INIT(struct aios_op_argmax,
							    AIOS_OP_ARGMAX) };
	struct aios_op_copy_pages pages = {
		.op = AIOS_OP_INIT(struct aios_op_copy_pages, AIOS_OP_COPY_PAGES), .n_pairs = 2
	};
	int32_t pairs[4] = { 5, 1, 0, 4 };
	struct bed_cache cache = bed_cache(b, 5, 6, 6, 4);
	struct aios_op_rope_kv rope = bed_rope_kv(b, &cache);
	struct aios_op_attention attention = bed_attention(b, &cache);
	const struct aios_op *ops[9];
	size_t n = 0;

	matmul.op.layer = rope.op.layer = attention.op.layer = 2;
	ops[n++] = &matmul.op;
	add.a = add.out = matmul.out;
	add.b = bed_tensor(b, AIOS_BF16, 3, 16, 30);
	ops[n++] = &add.op;
	norm.x = matmul.out;
	norm.add = bed_tensor(b, AIOS_F32, 3, 16, 31);
	norm.weight = bed_tensor(b, AIOS_BF16, 1, 16, 32).data;
	norm.weight_dtype = AIOS_BF16;
	norm.eps = 1e-6f;
	norm.out = bed_tensor(b, AIOS_BF16, 3, 16, 33);
	ops[n++] = &norm.op;
	ops[n++] = &rope.op;
	ops[n++] = &attention.op;
	pages.kv = cache.kv;
	pages.pairs = bed_upload(b, pairs, sizeof(pairs));
	ops[n++] = &pages.op;
	quantise.in = matmul.out;
	quantise.out = (struct aios_tensor){
		.dtype = AIOS_I8X2, .rows = 3, .cols = 16, .row_bytes = 32, .plane_bytes = 96
	};
	quantise.out.data = bed_alloc(b, 256, 0xcd);
	quantise.out.scale = bed_alloc(b, 16, 0xcd);
	ops[n++] = &quantise.op;
	argmax.logits = matmul.out;
	argmax.ids = bed_alloc(b, 16, 0xcd);
	ops[n++] = &argmax.op;
	for (size_t i = 0; i < n; i++) {
		int rc = bed_launch(b, ops[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

START_TEST(equal)
{
	struct bed b;

	if (!begin(&b, "shadow", "cpu-ref,1/1", NULL, NULL))
		return;
	ck_assert_msg(launch_all(&b) == 0, "%s", b.st.message);
	end(&b, "8 of 8 launches compared with reference, 0 skipped: 0 differ");
}
END_TEST

struct flip {
	const char *args, *place;
};

static const struct flip flips[] = {
	{ "flip:op=matmul,row=2,col=7,bit=31", "launch 1, matmul, layer 1: out[2][7] is " },
	{ "flip:op=add,row=1,col=15,bit=0", "launch 2, add, outside the layers: out[1][15] is " },
	{ "flip:op=rmsnorm,out=x,row=0,col=3,bit=5",
	  "launch 3, rmsnorm, outside the layers: x[0][3]" },
	{ "flip:op=rmsnorm,row=2,col=3,bit=15",
	  "launch 3, rmsnorm, outside the layers: out[2][3]" },
	{ "flip:op=rope_kv,row=4,col=127,bit=3", "launch 4, rope_kv, layer 1: q[4][127] is " },
	/* page 3 holds block 2, keys 8 to 11; head 1, key 1, element 6 */
	{ "flip:op=rope_kv,out=kv.v,row=3,col=166,bit=7",
	  "launch 4, rope_kv, layer 1: kv.v page 3 head 1 key 1 element 6 is " },
	{ "flip:op=attention,row=0,col=0,bit=22", "launch 5, attention, layer 1: out[0][0] is " },
	{ "flip:op=copy_pages,out=kv.k,row=1,col=0,bit=0",
	  "launch 6, copy_pages, outside the layers: kv.k page 1 head 0 key 0 element 0 is " },
	{ "flip:op=quantise,out=out.scale,row=2,col=0,bit=1",
	  "launch 7, quantise, outside the layers: out.scale[2][0] is " },
	{ "flip:op=quantise,row=1,col=4,bit=6",
	  "launch 7, quantise, outside the layers: out[1][4]" },
	{ "flip:op=argmax,row=2,bit=2", "launch 8, argmax, outside the layers: ids[2][0] is " },
};

START_TEST(found)
{
	const struct flip *f = &flips[_i];
	struct bed b;

	if (!begin(&b, "fault", f->args, "shadow", "cpu-ref,1/1"))
		return;
	ck_assert_int_eq(launch_all(&b), -EBADMSG);
	ck_assert_msg(strstr(b.st.message, f->place) != NULL, "'%s' is not in '%s'", f->place,
		      b.st.message);
	ck_assert_ptr_nonnull(strstr(b.st.message, "; 1 of "));
	end(&b, "1 differ");
}
END_TEST

START_TEST(report_and_capsule)
{
	char args[1200], path[600];
	struct bed b;
	json_t *report, *first;

	if (!bed_open(&b))
		return;
	bed_close(&b);
	bed_folder_begin();
	snprintf(path, sizeof(path), "%s", bed_file("report.json"));
	snprintf(args, sizeof(args), "cpu-ref,log,report=%s,capsule=%s", path, bed_file(""));
	ck_assert(begin(&b, "fault",
			"flip:op=attention,row=1,col=2,bit=4,flip:op=argmax,row=0,bit=0", "shadow",
			args));
	ck_assert_msg(launch_all(&b) == 0, "%s", b.st.message); /* log: goes on */
	end(&b, "8 of 8 launches compared with reference, 0 skipped: 2 differ");
	report = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(report);
	first = json_object_get(report, "first");
	ck_assert_int_eq(json_integer_value(json_object_get(report, "differences")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "launch")), 5);
	ck_assert_str_eq(json_string_value(json_object_get(first, "op")), "attention");
	ck_assert_int_eq(json_integer_value(json_object_get(first, "layer")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "row")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "col")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "got")) ^
				 json_integer_value(json_object_get(first, "want")),
			 1 << 4);
	json_decref(report);

	/* The capsule: equal on a sound device, and not on this one. */
	snprintf(args, sizeof(args), "%s", bed_file("shadow-5.aios-replay"));
	ck_assert(bed_open(&b));
	ck_assert_msg(bed_hook(&b, "replay", args) == 0, "%s", b.st.message);
	end(&b, "1 launches, 1 equal, 0 different, 0 unsupported");
	ck_assert(bed_open(&b));
	ck_assert_int_eq(bed_hook(&b, "fault", "flip:op=attention,row=4,col=9,bit=0"), 0);
	ck_assert_int_eq(bed_hook(&b, "replay", args), -EBADMSG);
	ck_assert_msg(strstr(b.st.message, "out[4][9] is") != NULL, "%s", b.st.message);
	bed_close(&b);
	bed_folder_end();
}
END_TEST

/* Weights stay on the reference until they are written to, in any way. */
START_TEST(weights)
{
	struct aios_op_matmul op, producer;
	uint16_t half[64];
	struct bed b;

	if (!begin(&b, "shadow", "cpu-ref,cache=1M", NULL, NULL))
		return;
	op = bed_matmul(&b, 2, 16, 32);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	memset(half, 0x3f, sizeof(half));
	ck_assert_int_eq(bed_ops(&b)->copy(bed_dev(&b), b.queue, AIOS_COPY_TO_DEVICE,
					   op.w.data + 64, (uint64_t)(uintptr_t)half, 128, &b.st),
			 0);
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	ck_assert_int_eq(bed_ops(&b)->fill(bed_dev(&b), b.queue, op.w.data + 640, 1, 64, &b.st), 0);
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	/* by an op */
	producer = bed_matmul(&b, 16, 32, 32);
	producer.out = op.w;
	ck_assert_msg(bed_launch(&b, &producer.op) == 0, "%s", b.st.message);
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	/* a smaller cache than the weight: it travels every time */
	end(&b, "5 of 5 launches compared with reference, 0 skipped: 0 differ");
	ck_assert(begin(&b, "shadow", "cpu-ref,cache=100", NULL, NULL));
	op = bed_matmul(&b, 2, 16, 32);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	end(&b, "1 of 1 launches compared with reference, 0 skipped: 0 differ");
}
END_TEST

/* The same launches are chosen in every run, about as many as asked for. */
START_TEST(sample)
{
	unsigned long long chosen[2];
	struct aios_op_matmul op;
	struct bed b;

	for (int run = 0; run < 2; run++) {
		const char *at;

		if (!begin(&b, "shadow", "cpu-ref,1/8", NULL, NULL))
			return;
		op = bed_matmul(&b, 1, 2, 16);
		for (int i = 0; i < 400; i++)
			ck_assert_int_eq(bed_launch(&b, &op.op), 0);
		bed_close(&b);
		at = strstr(b.log, " of 400 launches");
		ck_assert_ptr_nonnull(at);
		while (at > b.log && at[-1] >= '0' && at[-1] <= '9')
			at--;
		chosen[run] = strtoull(at, NULL, 10);
	}
	ck_assert_uint_eq(chosen[0], chosen[1]);
	ck_assert_uint_ge(chosen[0], 25);
	ck_assert_uint_le(chosen[0], 80);
}
END_TEST

/* ---- a driver with a packing of its own: rows from the last to the first ------------ */

static int reversed_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			   struct aios_status *st)
{
	(void)dev, (void)profile, (void)st;
	w->layout = AIOS_LAYOUT_DRIVER;
	w->row_bytes = w->cols * 2ull;
	*bytes = w->rows * w->row_bytes;
	return 0;
}

static const struct aios_driver_ops *plain; /* cpu-ref's, of the test below */

static void reverse(uint8_t *to, const uint8_t *from, uint32_t rows, uint64_t row_bytes)
{
	for (uint32_t r = 0; r < rows; r++)
		memcpy(to + r * row_bytes, from + (rows - 1 - r) * row_bytes, row_bytes);
}

static int reversed_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	union aios_op_any any;
	struct aios_tensor *t;
	uint8_t *rows;
	int rc;

	memcpy(&any, op, op->size);
	t = op->type == AIOS_OP_CAST ? &any.cast.out : &any.matmul.w;
	if (t->layout == AIOS_LAYOUT_ROWS)
		return plain->launch(dev, queue, op, st);
	rows = aligned_alloc(256, 65536);
	ck_assert_ptr_nonnull(rows);
	if (op->type == AIOS_OP_MATMUL)
		reverse(rows, (const uint8_t *)(uintptr_t)t->data, t->rows, t->row_bytes);
	t->layout = AIOS_LAYOUT_ROWS;
	t->data = (aios_addr)(uintptr_t)rows;
	rc = plain->launch(dev, queue, &any.op, st);
	if (op->type == AIOS_OP_CAST)
		reverse((uint8_t *)(uintptr_t)((const struct aios_op_cast *)op)->out.data, rows,
			t->rows, t->row_bytes);
	free(rows);
	return rc;
}

START_TEST(packed)
{
	static struct aios_driver_ops copy;
	struct aios_op_cast cast = { .op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST) };
	struct aios_op_matmul op;
	uint64_t bytes;
	struct bed b;

	if (!begin(&b, "fault", "flip:op=matmul,nth=2,col=3,bit=9", "shadow", "cpu-ref"))
		return;
	copy = *b.layers[0].ops;
	plain = &copy;
	/* The reference is another cpu-ref, with the same table: it must see plain rows alone. */
	b.layers[0].ops->weight_layout = reversed_layout;
	b.layers[0].ops->launch = reversed_launch;
	op = bed_matmul(&b, 2, 16, 32);
	cast.in = op.w;
	ck_assert_int_eq(bed_ops(&b)->weight_layout(bed_dev(&b), 0, &op.w, &bytes, &b.st), 0);
	op.w.data = bed_alloc(&b, bytes, 0);
	/* packed behind shadow's back: cannot be compared, and is said */
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_uint_eq(bed_says(&b, "not packed under shadow's eyes"), 1);
	cast.out = op.w;
	ck_assert_msg(bed_launch(&b, &cast.op) == 0, "%s", b.st.message);
	ck_assert_int_eq(bed_launch(&b, &op.op), -EBADMSG);
	ck_assert_msg(strstr(b.st.message, "launch 3, matmul, outside the layers: out[0][3]"), "%s",
		      b.st.message);
	end(&b, "1 of 3 launches compared with reference, 1 skipped: 1 differ");
}
END_TEST

START_TEST(arguments)
{
	static const char *const bad[] = {
		"",           ",1/1",          "cpu-ref,2/1",    "cpu-ref,0/4",
		"cpu-ref,1/", "cpu-ref,often", "cpu-ref,cache=x"
	};
	struct bed b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!bed_open(&b))
			return;
		ck_assert_msg(bed_hook(&b, "shadow", bad[i]) == -EINVAL, "'%s' is taken", bad[i]);
		ck_assert(b.st.message[0] != '\0');
		bed_close(&b);
	}
}
END_TEST

/* ---- record and replay ---------------------------------------------------------------- */

static uint8_t *read_all(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;

	ck_assert_msg(f != NULL, "%s is not there", path);
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(*size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, *size, f), *size);
	fclose(f);
	return bytes;
}

static void write_all(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
	fclose(f);
}

START_TEST(recording)
{
	char path[600], args[700];
	size_t size, again;
	uint8_t *bytes, *other;
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_close(&b);
	bed_folder_begin();
	snprintf(path, sizeof(path), "%s", bed_file("r"));
	for (int i = 0; i < 2; i++) {
		ck_assert(begin(&b, "record", i ? bed_file("r2") : path, NULL, NULL));
		ck_assert_msg(launch_all(&b) == 0, "%s", b.st.message);
		end(&b, "8 of 8 launches recorded, 0 skipped");
	}
	/* The same work makes the same file: addresses are not in it. */
	bytes = read_all(path, &size);
	other = read_all(bed_file("r2"), &again);
	ck_assert_uint_eq(size, again);
	ck_assert_mem_eq(bytes, other, size);
	free(other);

	ck_assert(bed_open(&b));
	ck_assert_msg(bed_hook(&b, "replay", path) == 0, "%s", b.st.message);
	end(&b, "8 launches, 8 equal, 0 different, 0 unsupported");
	/* A digest says which operand; against= says which element. */
	ck_assert(bed_open(&b));
	ck_assert_int_eq(bed_hook(&b, "fault", "flip:op=add,row=1,col=1,bit=1"), 0);
	ck_assert_int_eq(bed_hook(&b, "replay", path), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(b.st.message, "add, outside the layers: out has another"));
	bed_close(&b);
	ck_assert(bed_open(&b));
	ck_assert_int_eq(bed_hook(&b, "fault", "flip:op=add,row=1,col=1,bit=1"), 0);
	snprintf(args, sizeof(args), "%s,against=cpu-ref", path);
	ck_assert_int_eq(bed_hook(&b, "replay", args), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(b.st.message, "add, outside the layers: out[1][1] is"));
	bed_close(&b);
	free(bytes);
	bed_folder_end();
}
END_TEST

/* Weights are in the file once, also when they are used again; a change makes another. */
START_TEST(weights_once)
{
	struct aios_op_matmul op;
	char args[700];
	size_t size;
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_close(&b);
	bed_folder_begin();
	ck_assert(begin(&b, "record", bed_file("r"), NULL, NULL));
	op = bed_matmul(&b, 1, 128, 256); /* 64 KiB of weights */
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	end(&b, "20 of 20 launches recorded");
	free(read_all(bed_file("r"), &size));
	ck_assert_uint_lt(size, 80000);
	ck_assert(begin(&b, "record", bed_file("r"), NULL, NULL));
	op = bed_matmul(&b, 1, 128, 256);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_int_eq(bed_ops(&b)->fill(bed_dev(&b), b.queue, op.w.data, 0, 16, &b.st), 0);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	end(&b, "2 of 2 launches recorded");
	ck_assert(bed_open(&b));
	ck_assert_msg(bed_hook(&b, "replay", bed_file("r")) == 0, "%s", b.st.message);
	end(&b, "2 launches, 2 equal");
	/* a part of the run, with a limit */
	snprintf(args, sizeof(args), "%s,first=3,count=4,outputs", bed_file("r"));
	ck_assert(begin(&b, "record", args, NULL, NULL));
	op = bed_matmul(&b, 1, 128, 256);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	end(&b, "4 of 20 launches recorded");
	snprintf(args, sizeof(args), "%s,max=1k", bed_file("r"));
	ck_assert(begin(&b, "record", args, NULL, NULL));
	op = bed_matmul(&b, 1, 128, 256);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_uint_eq(bed_says(&b, "recording stops at launch 1"), 1);
	end(&b, "1 of 20 launches recorded");
	bed_folder_end();
}
END_TEST

/* A damaged file is refused with a reason; no damage makes it crash. */
START_TEST(damage)
{
	char path[600];
	size_t size;
	uint8_t *bytes;
	unsigned refused = 0, tried = 0;
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_close(&b);
	bed_folder_begin();
	snprintf(path, sizeof(path), "%s", bed_file("r"));
	ck_assert(begin(&b, "record", path, NULL, NULL));
	ck_assert_msg(launch_all(&b) == 0, "%s", b.st.message);
	bed_close(&b);
	bytes = read_all(path, &size);
	for (size_t cut = 0; cut < size; cut += size / 37 + 1) {
		write_all(path, bytes, cut);
		ck_assert(bed_open(&b));
		ck_assert_msg(bed_hook(&b, "replay", path) == -EINVAL, "%zu bytes are taken", cut);
		bed_close(&b);
	}
	for (size_t at = 0; at < size; at += at < 4096 ? 7 : size / 211 + 1) {
		bytes[at] ^= 0x41;
		write_all(path, bytes, size);
		ck_assert(bed_open(&b));
		tried++;
		if (bed_hook(&b, "replay", path) < 0)
			refused++;
		bed_close(&b);
		bytes[at] ^= 0x41;
	}
	/* Some bytes mean nothing: padding, the driver's name, pages' old numbers. */
	ck_assert_uint_gt(refused, tried / 2);
	free(bytes);
	bed_folder_end();
}
END_TEST

START_TEST(stacks)
{
	static const char *const orders[][3] = {
		{ "check", "shadow", "trace" },
		{ "trace", "check", "shadow" },
		{ "shadow", "trace", "check" },
		{ "trace", "shadow", "check" },
	};
	const char *args;
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_close(&b);
	bed_folder_begin();
	ck_assert(bed_open(&b));
	for (int i = 0; i < 3; i++) {
		const char *name = orders[_i][i];

		args = strcmp(name, "trace") == 0 ? bed_file("t.json") :
		       strcmp(name, "check") == 0 ? "deep" :
						    "cpu-ref,1/1";
		ck_assert_msg(bed_hook(&b, name, args) == 0, "%s", b.st.message);
	}
	bed_queue(&b);
	ck_assert_msg(launch_all(&b) == 0, "%s", b.st.message);
	bed_close(&b);
	ck_assert_uint_eq(bed_says(&b, "8 of 8 launches compared"), 1);
	ck_assert_msg(bed_says(&b, " 0 violations") == 1, "%s", b.log);
	bed_folder_end();
}
END_TEST

/* Queues launch from threads of their own, through all hooks at once. */
struct worker {
	struct bed *b;
	void *queue;
	struct aios_op_matmul op;
	int rc;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct aios_driver_ops *ops = bed_ops(w->b);
	uint64_t value;
	struct aios_status st;

	for (int i = 0; i < 40 && w->rc == 0; i++) {
		w->rc = ops->launch(bed_dev(w->b), w->queue, &w->op.op, &st);
		if (w->rc == 0)
			w->rc = ops->signal(bed_dev(w->b), w->queue, &value, &st);
		if (w->rc == 0)
			w->rc = ops->wait(bed_dev(w->b), w->queue, value, UINT64_MAX / 2, &st);
	}
	return NULL;
}

START_TEST(threads)
{
	struct worker workers[3];
	pthread_t ids[3];
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_folder_begin();
	ck_assert_int_eq(bed_hook(&b, "shadow", "cpu-ref,1/2"), 0);
	ck_assert_int_eq(bed_hook(&b, "trace", bed_file("t.json")), 0);
	ck_assert_int_eq(bed_hook(&b, "check", ""), 0);
	for (int i = 0; i < 3; i++) {
		workers[i] = (struct worker){ .b = &b, .op = bed_matmul(&b, 2, 8, 32) };
		ck_assert_int_eq(bed_ops(&b)->queue_create(bed_dev(&b), &workers[i].queue, &b.st),
				 0);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
		ck_assert_int_eq(workers[i].rc, 0);
		bed_ops(&b)->queue_destroy(bed_dev(&b), workers[i].queue);
	}
	bed_close(&b);
	ck_assert_msg(bed_says(&b, " 0 violations") == 1, "%s", b.log);
	ck_assert_uint_eq(bed_says(&b, " of 120 launches compared"), 1);
	bed_folder_end();
}
END_TEST

Suite *test_hook_shadow_suite(void)
{
	Suite *s = suite_create("hook_shadow");
	TCase *tc = tcase_create("shadow");

	tcase_add_test(tc, equal);
	tcase_add_loop_test(tc, found, 0, (int)(sizeof(flips) / sizeof(flips[0])));
	tcase_add_test(tc, report_and_capsule);
	tcase_add_test(tc, weights);
	tcase_add_test(tc, sample);
	tcase_add_test(tc, packed);
	tcase_add_test(tc, arguments);
	tcase_add_loop_test(tc, stacks, 0, 4);
	tcase_add_test(tc, threads);
	suite_add_tcase(s, tc);
	tc = tcase_create("record");
	tcase_add_test(tc, recording);
	tcase_add_test(tc, weights_once);
	tcase_add_test(tc, damage);
	suite_add_tcase(s, tc);
	return s;
}
