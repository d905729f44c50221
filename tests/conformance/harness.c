// SPDX-License-Identifier: Apache-2.0
/*
 * harness.c - see harness.h.
 */
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "harness.h"

#define CT_GUARD 256
#define CT_GUARD_BYTE 0x5a
#define CT_POISON 0xcd

struct ct ct_dev[CT_MAX_DEVICES];
uint32_t ct_n;

static void *ct_library;
static struct aios_driver_ops ct_table;
static const struct aios_module *ct_module;

/* Host memory of the current test, freed by ct_teardown(). */
struct ct_block {
	struct ct_block *next;
	uint64_t align;
};
static struct ct_block *ct_blocks;

/* --- loading ---------------------------------------------------------------- */

static void ct_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	if (level <= AIOS_LOG_WARN)
		fprintf(stderr, "driver: %s\n", message);
}

static const char *ct_param(void *ctx, const char *name)
{
	const struct ct *t = ctx;
	uint32_t i;

	if (strcmp(name, "threads") == 0)
		return t->threads;
	if (strcmp(name, "isa") == 0)
		return t->isa;
	for (i = 0; i < ct_module->n_params; i++)
		if (strcmp(ct_module->params[i].name, name) == 0)
			return ct_module->params[i].default_text;
	return NULL;
}

static bool ct_has_param(const char *name)
{
	uint32_t i;

	for (i = 0; i < ct_module->n_params; i++)
		if (strcmp(ct_module->params[i].name, name) == 0)
			return true;
	return false;
}

/* There when cpu-ref is built in (CONFIG_DRIVER_CPU_REF=y) and something linked it. */
extern const struct aios_module aios_module_cpu_ref __attribute__((weak));

static void ct_load(void)
{
	const char *path = env_or("AIOS_TEST_DRIVER", NULL);
	const struct aios_driver_ops *ops;
	char text[1024];

	if (ct_module)
		return;
	if (!path) {
		snprintf(text, sizeof(text), "%s/lib/aios/drivers/cpu-ref.so", env_build());
		path = text;
	}
	if (path == text && access(path, R_OK) != 0 && &aios_module_cpu_ref) {
		path = "built-in cpu-ref";
		ct_module = &aios_module_cpu_ref;
	} else {
		ct_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		ck_assert_msg(ct_library != NULL, "%s: %s", path, dlerror());
		ct_module = dlsym(ct_library, "aios_module");
	}
	ck_assert_msg(ct_module && ct_module->kind == AIOS_KIND_DRIVER, "%s: not a driver", path);
	ops = ct_module->ops;
	memset(&ct_table, 0, sizeof(ct_table));
	memcpy(&ct_table, ops, ops->size < sizeof(ct_table) ? ops->size : sizeof(ct_table));
}

static void ct_open(const char *threads, const char *isa)
{
	struct ct *t = &ct_dev[ct_n];
	struct aios_status st = { 0 };
	int ret;

	memset(t, 0, sizeof(*t));
	snprintf(t->threads, sizeof(t->threads), "%s", threads);
	snprintf(t->isa, sizeof(t->isa), "%s", isa);
	snprintf(t->name, sizeof(t->name), "threads=%s isa=%s", threads, isa);
	t->ops = &ct_table;
	t->host = (struct aios_host){ .size = sizeof(t->host),
				      .abi_minor = AIOS_ABI_MINOR,
				      .ctx = t,
				      .log = ct_log,
				      .param = ct_param };
	ret = t->ops->open(&t->host, 0, &t->dev, &st);
	if (ret == -ENOTSUP && strcmp(isa, "v3") == 0)
		return; /* this CPU has no AVX2 */
	ck_assert_msg(ret == 0, "open (%s): %d %s", t->name, ret, st.message);
	ret = t->ops->queue_create(t->dev, &t->queue, &st);
	ck_assert_msg(ret == 0, "queue_create: %d %s", ret, st.message);
	ct_n++;
}

void ct_setup(void)
{
	ct_load();
	ct_n = 0;
	if (!ct_has_param("threads")) {
		ct_open("", "");
		return;
	}
	ct_open("1", "auto");
	ct_open("2", "auto");
	ct_open("7", "auto");
	if (ct_has_param("isa")) {
		ct_open("2", "base");
		ct_open("1", "v3");
	}
}

bool ct_can(uint32_t op_type, uint32_t profile)
{
	struct aios_device_info info = { .size = sizeof(info) };
	struct aios_status st = { 0 };
	int ret = ct_dev[0].ops->device_info(ct_dev[0].dev, &info, &st);

	ck_assert_msg(ret == 0, "device_info: %s", st.message);
	if ((info.op_types >> op_type & 1) && (info.profiles >> profile & 1))
		return true;
	printf("skipped: %s has no %s in profile %s\n", ct_module->name, aios_op_name(op_type),
	       aios_profile_info_of(profile).name);
	return false;
}

bool ct_is_reference(void)
{
	return strcmp(ct_module->name, "cpu-ref") == 0;
}

bool ct_says(const char *message, const char *why)
{
	return ct_is_reference() ? strstr(message, why) != NULL : message[0] != '\0';
}

void ct_teardown(void)
{
	struct ct_block *next;

	ct_each(t)
	{
		ct_release(t);
		t->ops->queue_destroy(t->dev, t->queue);
		t->ops->close(t->dev);
	}
	ct_n = 0;
	for (; ct_blocks; ct_blocks = next) {
		next = ct_blocks->next;
		free(ct_blocks);
	}
}

Suite *ct_suite(const char *name, TCase **tc)
{
	Suite *s = suite_create(name);

	*tc = tcase_create(name);
	tcase_add_checked_fixture(*tc, ct_setup, ct_teardown);
	tcase_set_timeout(*tc, 120);
	suite_add_tcase(s, *tc);
	return s;
}

/* --- buffers ---------------------------------------------------------------- */

void *ct_alloc(uint64_t bytes)
{
	struct ct_block *block = calloc(1, sizeof(*block) + bytes);

	ck_assert_msg(block != NULL, "no memory for a test");
	block->next = ct_blocks;
	ct_blocks = block;
	return block + 1;
}

static void ct_finish(struct ct *t)
{
	struct aios_status st = { 0 };
	struct timespec now;
	uint64_t value;
	int ret;

	ret = t->ops->signal(t->dev, t->queue, &value, &st);
	ck_assert_msg(ret == 0, "signal: %s", st.message);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret = t->ops->wait(t->dev, t->queue, value,
			   ((uint64_t)now.tv_sec + 60) * 1000000000u + (uint64_t)now.tv_nsec, &st);
	ck_assert_msg(ret == 0, "wait: %s", st.message);
}

static void ct_copy(struct ct *t, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes)
{
	struct aios_status st = { 0 };
	int ret = t->ops->copy(t->dev, t->queue, dir, dst, src, bytes, &st);

	ck_assert_msg(ret == 0, "copy: %s", st.message);
	ct_finish(t);
}

/* A buffer between guards that holds `data`, or poison. */
static struct ct_buf *ct_buf_new(struct ct *t, const void *data, uint64_t bytes)
{
	uint64_t whole = bytes + 2 * CT_GUARD;
	struct ct_buf *b = &t->bufs[t->n_bufs];
	struct aios_status st = { 0 };
	unsigned char *image;
	int ret;

	ck_assert_msg(t->n_bufs < CT_MAX_BUFS, "too many buffers in one case");
	ret = t->ops->mem_alloc(t->dev, AIOS_HEAP_DEVICE, whole, &b->mem, &st);
	ck_assert_msg(ret == 0, "mem_alloc: %s", st.message);
	ck_assert_uint_eq(b->mem.addr % 256, 0);
	b->bytes = bytes;
	b->input = false;
	t->n_bufs++;
	image = malloc(whole);
	ck_assert_ptr_nonnull(image);
	memset(image, CT_GUARD_BYTE, whole);
	memset(image + CT_GUARD, CT_POISON, bytes);
	if (data)
		memcpy(image + CT_GUARD, data, bytes);
	ct_copy(t, AIOS_COPY_TO_DEVICE, b->mem.addr, (uintptr_t)image, whole);
	free(image);
	return b;
}

aios_addr ct_in(struct ct *t, const void *data, uint64_t bytes)
{
	struct ct_buf *b = ct_buf_new(t, data, bytes);

	b->input = true;
	b->digest = digest_bytes(DIGEST_START, data, bytes);
	return b->mem.addr + CT_GUARD;
}

aios_addr ct_out(struct ct *t, uint64_t bytes)
{
	return ct_buf_new(t, NULL, bytes)->mem.addr + CT_GUARD;
}

aios_addr ct_inout(struct ct *t, const void *data, uint64_t bytes)
{
	return ct_buf_new(t, data, bytes)->mem.addr + CT_GUARD;
}

void ct_get(struct ct *t, aios_addr addr, void *out, uint64_t bytes)
{
	ct_copy(t, AIOS_COPY_TO_HOST, (uintptr_t)out, addr, bytes);
}

void ct_put(struct ct *t, aios_addr addr, const void *data, uint64_t bytes)
{
	ct_copy(t, AIOS_COPY_TO_DEVICE, addr, (uintptr_t)data, bytes);
}

static void ct_check_guards(struct ct *t, const struct ct_buf *b)
{
	uint64_t whole = b->bytes + 2 * CT_GUARD, i;
	unsigned char *image = malloc(whole);

	ck_assert_ptr_nonnull(image);
	ct_get(t, b->mem.addr, image, whole);
	for (i = 0; i < CT_GUARD; i++)
		ck_assert_msg(image[i] == CT_GUARD_BYTE && image[whole - 1 - i] == CT_GUARD_BYTE,
			      "%s: written outside a buffer of %llu bytes", t->name,
			      (unsigned long long)b->bytes);
	if (b->input)
		ck_assert_msg(digest_bytes(DIGEST_START, image + CT_GUARD, b->bytes) == b->digest,
			      "%s: an input of %llu bytes was changed", t->name,
			      (unsigned long long)b->bytes);
	free(image);
}

void ct_release(struct ct *t)
{
	uint32_t i;

	for (i = 0; i < t->n_bufs; i++) {
		ct_check_guards(t, &t->bufs[i]);
		t->ops->mem_free(t->dev, &t->bufs[i].mem);
	}
	t->n_bufs = 0;
}

/* --- tensors ---------------------------------------------------------------- */

static struct aios_tensor ct_shape(uint32_t dtype, uint32_t rows, uint32_t cols, uint32_t pad)
{
	struct aios_tensor x = { .dtype = dtype, .rows = rows, .cols = cols };

	x.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) / 16 * 16 + 16ull * pad;
	if (dtype == AIOS_I8X2)
		x.plane_bytes = x.row_bytes * rows + 16ull * pad;
	return x;
}

static uint64_t ct_image_bytes(const struct aios_tensor *x)
{
	return x->row_bytes * x->rows + x->plane_bytes;
}

uint64_t ct_tensor_bytes(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	return (uint64_t)rows * cols * aios_dtype_bytes(dtype) * (dtype == AIOS_I8X2 ? 2 : 1);
}

/* Between packed host elements and the device's rows; `out`: from the image to data. */
static void ct_rows(const struct aios_tensor *x, unsigned char *image, void *data, bool out)
{
	uint64_t n = (uint64_t)x->cols * aios_dtype_bytes(x->dtype), r, at;
	uint32_t planes = x->dtype == AIOS_I8X2 ? 2 : 1, p;
	unsigned char *host = data;

	for (p = 0; p < planes; p++) {
		for (r = 0; r < x->rows; r++) {
			at = p * x->plane_bytes + r * x->row_bytes;
			if (out)
				memcpy(host + (p * x->rows + r) * n, image + at, n);
			else
				memcpy(image + at, host + (p * x->rows + r) * n, n);
		}
	}
}

static unsigned char *ct_image(const struct aios_tensor *x, const void *data)
{
	unsigned char *image = ct_alloc(ct_image_bytes(x));

	memset(image, CT_POISON, ct_image_bytes(x));
	ct_rows(x, image, (void *)(uintptr_t)data, false);
	return image;
}

struct aios_tensor ct_tensor_in(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				const void *data, const float *scale, uint32_t pad)
{
	struct aios_tensor x = ct_shape(dtype, rows, cols, pad);

	x.data = ct_in(t, ct_image(&x, data), ct_image_bytes(&x));
	if (aios_dtype_scaled(dtype))
		x.scale = ct_in(t, scale, rows * sizeof(float));
	return x;
}

struct aios_tensor ct_tensor_inout(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				   const void *data, uint32_t pad)
{
	struct aios_tensor x = ct_shape(dtype, rows, cols, pad);

	x.data = ct_inout(t, ct_image(&x, data), ct_image_bytes(&x));
	return x;
}

struct aios_tensor ct_tensor_out(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				 uint32_t pad)
{
	struct aios_tensor x = ct_shape(dtype, rows, cols, pad);

	x.data = ct_out(t, ct_image_bytes(&x));
	if (aios_dtype_scaled(dtype))
		x.scale = ct_out(t, rows * sizeof(float));
	return x;
}

void ct_tensor_get(struct ct *t, const struct aios_tensor *x, void *data, float *scale)
{
	uint64_t n = (uint64_t)x->cols * aios_dtype_bytes(x->dtype), r, i;
	unsigned char *image = ct_alloc(ct_image_bytes(x));

	ct_get(t, x->data, image, ct_image_bytes(x));
	ct_rows(x, image, data, true);
	if (scale)
		ct_get(t, x->scale, scale, x->rows * sizeof(float));
	for (r = 0; r < x->rows; r++)
		for (i = n; i < x->row_bytes; i++)
			ck_assert_msg(image[r * x->row_bytes + i] == CT_POISON,
				      "%s: row %llu: written %llu bytes past its end", t->name,
				      (unsigned long long)r, (unsigned long long)(i - n + 1));
}

/* --- running ---------------------------------------------------------------- */

void ct_run(struct ct *t, const struct aios_op *op, struct aios_scratch *scratch)
{
	struct aios_op_support yes = { .size = sizeof(yes) };
	struct aios_status st = { 0 };
	int ret;

	ret = t->ops->query_op(t->dev, op, &yes);
	ck_assert_msg(ret == 0 && yes.level == AIOS_SUPPORT_EXACT, "%s: %s refused: %s", t->name,
		      aios_op_name(op->type), yes.reason);
	if (yes.scratch_bytes) {
		ck_assert_msg(scratch != NULL, "%s asks for scratch it has no place for",
			      aios_op_name(op->type));
		scratch->data = ct_out(t, yes.scratch_bytes);
		scratch->bytes = yes.scratch_bytes;
	}
	ret = t->ops->launch(t->dev, t->queue, op, &st);
	ck_assert_msg(ret == 0, "%s: %s: %d %s", t->name, aios_op_name(op->type), ret, st.message);
	ct_finish(t);
}

void ct_refuse(struct ct *t, const struct aios_op *op, const char *why)
{
	struct aios_op_support no = { .size = sizeof(no) };
	struct aios_status st = { 0 };
	int ret;

	ret = t->ops->query_op(t->dev, op, &no);
	ck_assert_int_eq(ret, 0);
	ck_assert_msg(no.level == AIOS_SUPPORT_NO, "%s was not refused; expected: %s",
		      aios_op_name(op->type), why);
	ck_assert_msg(ct_says(no.reason, why), "%s: reason is '%s', expected '%s'",
		      aios_op_name(op->type), no.reason, why);
	ret = t->ops->launch(t->dev, t->queue, op, &st);
	ck_assert_int_eq(ret, -ENOTSUP);
	ck_assert_msg(ct_says(st.message, why), "launch says '%s', expected '%s'", st.message, why);
}

/* --- inputs ----------------------------------------------------------------- */

uint64_t ct_random(uint64_t seed, uint64_t index)
{
	uint64_t z = (seed + 1) * 0x9e3779b97f4a7c15ull + (index + 1) * 0xd1342543de82ef95ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

double ct_uniform(uint64_t seed, uint64_t index)
{
	return (double)(ct_random(seed, index) >> 11) * 0x1p-53;
}

/* The sum of twelve uniforms less six: no libm, so the same everywhere. */
static double ct_normal(uint64_t seed, uint64_t index)
{
	uint64_t a = ct_random(seed, 3 * index), b = ct_random(seed, 3 * index + 1);
	uint64_t c = ct_random(seed, 3 * index + 2);
	double sum = -6.0;
	int i;

	for (i = 0; i < 64; i += 16)
		sum += ((double)((a >> i) & 0xffff) + (double)((b >> i) & 0xffff) +
			(double)((c >> i) & 0xffff) + 1.5) *
		       0x1p-16;
	return sum;
}

static float ct_pow2(int e)
{
	return aios_float((uint32_t)(e + 127) << 23);
}

/* A subnormal of the type, or a zero. */
static float ct_subnormal(uint32_t dtype, uint64_t seed, uint64_t index)
{
	uint64_t r = ct_random(seed ^ 0x5bd1e995u, index);
	float sign = (r & 1) ? -1.0f : 1.0f;

	r >>= 8;
	if (dtype == AIOS_F16)
		return sign * (float)(r & 0x3ff) * 0x1p-24f;
	if (dtype == AIOS_E4M3)
		return sign * (float)(r & 7) * 0x1p-9f;
	return sign * aios_float((uint32_t)r & (dtype == AIOS_F32 ? 0x7fffffu : 0x7f0000u));
}

float ct_value(enum ct_dist dist, uint32_t dtype, uint64_t seed, uint64_t index)
{
	uint64_t r = ct_random(seed ^ 0x5bd1e995u, index);
	float x = (float)ct_normal(seed, index), sign = (r & 1) ? -1.0f : 1.0f;

	switch (dist) {
	case CT_WIDE:
		return x * ct_pow2((int)((r >> 8) % 25) - 12);
	case CT_EXTREME:
		return aios_float((uint32_t)(r >> 16) & 0x807fffffu) +
		       aios_float(((uint32_t)(r >> 16) & 0x807fffffu) |
				  (uint32_t)(1 + (r >> 50) % 254) << 23);
	case CT_SUBNORMAL:
		return ct_subnormal(dtype, seed, index);
	case CT_ZEROS:
		return r % 3 == 0 ? sign * 0.0f : r % 3 == 1 ? sign : x;
	case CT_SPECIAL:
		if ((r >> 8) % 61 == 0)
			return sign * aios_inf();
		return (r >> 8) % 61 == 1 ? aios_float((uint32_t)r | 0x7f810000u) : x;
	case CT_TINY:
		return x * ct_pow2(-53);
	case CT_HUGE:
		return x * ct_pow2(62);
	case CT_FULL:
		sign = index / 32 % 2 ? -1.0f : 1.0f;
		if (index % 32 < 15)
			return 0.0f;
		return index % 32 == 15 ? sign * (float)(1 + ct_uniform(seed, index)) :
					  sign * 0x1.fffffep0f;
	default:
		return x;
	}
}

/* The type's largest value that is not above |x| (x finite, in range, not subnormal). */
static float ct_truncate(uint32_t dtype, float x)
{
	uint32_t bits = dtype == AIOS_BF16 ? 16 : dtype == AIOS_F16 ? 13 : 20;

	return aios_float(aios_bits(x) & ~((1u << bits) - 1));
}

void ct_fill(enum ct_dist dist, uint32_t dtype, uint64_t seed, uint64_t n, void *dst)
{
	float x;
	uint64_t i;

	for (i = 0; i < n; i++) {
		x = ct_value(dist, dtype, seed, i);
		if (dist == CT_FULL && dtype != AIOS_F32)
			x = ct_truncate(dtype, x);
		if (dtype == AIOS_F32)
			((float *)dst)[i] = x;
		else if (dtype == AIOS_BF16)
			((uint16_t *)dst)[i] = aios_f32_to_bf16(x);
		else if (dtype == AIOS_F16)
			((uint16_t *)dst)[i] = aios_f32_to_f16(x);
		else if (dtype == AIOS_E4M3)
			((uint8_t *)dst)[i] = aios_f32_to_e4m3(x);
		else
			((int8_t *)dst)[i] = (int8_t)(ct_random(seed, i) % 256 - 128);
	}
}

float ct_widen(uint32_t dtype, const void *data, uint64_t i)
{
	switch (dtype) {
	case AIOS_F32:
		return ((const float *)data)[i];
	case AIOS_BF16:
		return aios_bf16_to_f32(((const uint16_t *)data)[i]);
	case AIOS_F16:
		return aios_f16_to_f32(((const uint16_t *)data)[i]);
	case AIOS_E4M3:
		return aios_e4m3_to_f32(((const uint8_t *)data)[i]);
	default:
		return (float)((const int8_t *)data)[i];
	}
}

static void ct_quantise_row(uint32_t dtype, uint32_t cols, const float *v, uint8_t *out,
			    uint8_t *lo, float *scale)
{
	float qmax = dtype == AIOS_E4M3 ? 448.0f : dtype == AIOS_I8 ? 127.0f : 32639.0f;
	struct aios_quant_scale s;
	bool finite = true;
	float max = 0.0f;
	uint32_t i;
	int32_t q;

	for (i = 0; i < cols; i++) {
		finite = finite && fabsf(v[i]) < INFINITY;
		max = fabsf(v[i]) > max ? fabsf(v[i]) : max;
	}
	s = aios_quant_scale_of(max, finite, qmax);
	*scale = s.scale;
	for (i = 0; i < cols; i++) {
		q = aios_quant_i8x2(v[i], s.inv);
		out[i] = dtype == AIOS_E4M3 ? aios_quant_e4m3(v[i], s.inv) :
			 dtype == AIOS_I8   ? (uint8_t)aios_quant_i8(v[i], s.inv) :
					      (uint8_t)aios_i8x2_hi(q);
		if (dtype == AIOS_I8X2)
			lo[i] = (uint8_t)aios_i8x2_lo(q);
	}
}

void ct_round_rows(uint32_t dtype, uint32_t rows, uint32_t cols, const float *v, void *out,
		   float *scale)
{
	uint64_t n = (uint64_t)rows * cols, i;

	if (aios_dtype_scaled(dtype)) {
		for (i = 0; i < rows; i++)
			ct_quantise_row(dtype, cols, v + i * cols, (uint8_t *)out + i * cols,
					(uint8_t *)out + n + i * cols, &scale[i]);
		return;
	}
	for (i = 0; i < n; i++) {
		if (dtype == AIOS_F32)
			((float *)out)[i] = aios_canon(v[i]);
		else
			((uint16_t *)out)[i] = dtype == AIOS_BF16 ? aios_f32_to_bf16(v[i]) :
								    aios_f32_to_f16(v[i]);
	}
}

/* --- comparing -------------------------------------------------------------- */

void ct_same(const struct ct *t, const char *what, const void *got, const void *want,
	     uint32_t dtype, uint64_t n)
{
	uint32_t bytes = aios_dtype_bytes(dtype);
	const unsigned char *g = got, *w = want;
	uint64_t i, a, b;

	if (memcmp(got, want, n * bytes) == 0)
		return;
	for (i = 0; memcmp(g + i * bytes, w + i * bytes, bytes) == 0; i++)
		;
	a = b = 0;
	memcpy(&a, g + i * bytes, bytes);
	memcpy(&b, w + i * bytes, bytes);
	ck_abort_msg("%s (%s): element %llu of %llu is 0x%llx, expected 0x%llx", what, t->name,
		     (unsigned long long)i, (unsigned long long)n, (unsigned long long)a,
		     (unsigned long long)b);
}

static double ct_worst, ct_worst_ulp;

/* Size of the last place of a value of this type. */
static double ct_ulp(uint32_t dtype, double value)
{
	static const struct {
		int digits, least; /* significand bits, exponent of the smallest subnormal */
	} types[AIOS_DTYPE_COUNT] = {
		[AIOS_F32] = { 24, -149 },
		[AIOS_F16] = { 11, -24 },
		[AIOS_BF16] = { 8, -133 },
	};
	int exponent;

	if (types[dtype].digits == 0)
		return 0;
	frexp(value, &exponent);
	exponent -= types[dtype].digits;
	return ldexp(1, exponent < types[dtype].least ? types[dtype].least : exponent);
}

/* Elements that cancelled (the bound is no small part of them) have no meaning in ulp. */
static void ct_note_ulp(uint32_t dtype, double error, double exact, double bound)
{
	double ulp = ct_ulp(dtype, exact);

	if (ulp > 0 && bound < 0.05 * fabs(exact) && error / ulp > ct_worst_ulp)
		ct_worst_ulp = error / ulp;
}

void ct_near(const char *what, uint32_t dtype, const void *got, const double *exact,
	     const double *bound, uint64_t n)
{
	double x, error;
	uint64_t i;

	for (i = 0; i < n; i++) {
		x = (double)ct_widen(dtype, got, i);
		if (!isfinite(exact[i]) || !isfinite(bound[i]))
			continue;
		error = fabs(x - exact[i]);
		ck_assert_msg(error <= bound[i], "%s: element %llu is %a, exactly %a, bound %g",
			      what, (unsigned long long)i, x, exact[i], bound[i]);
		if (bound[i] > 0 && error / bound[i] > ct_worst)
			ct_worst = error / bound[i];
		ct_note_ulp(dtype, error, exact[i], bound[i]);
	}
}

void ct_report(const char *what)
{
	printf("conformance %-28s worst error against float64: %.3f of its bound, %.1f ulp\n", what,
	       ct_worst, ct_worst_ulp);
	fflush(stdout);
	ct_worst = 0;
	ct_worst_ulp = 0;
}

/* AIOS_TEST_FREEZE=FILE appends the values there instead of comparing them. */
void ct_frozen(const char *name, uint64_t digest)
{
	const char *freeze = env_or("AIOS_TEST_FREEZE", NULL);
	char path[1024], line[128], key[96];
	unsigned long long want = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/conformance/digests.txt", env_source());
	f = fopen(freeze ? freeze : path, freeze ? "ae" : "re");
	ck_assert_msg(f != NULL, "cannot open %s", freeze ? freeze : path);
	if (freeze) {
		fprintf(f, "%-40s %016llx\n", name, (unsigned long long)digest);
		fclose(f);
		return;
	}
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%95s %llx", key, &want) == 2 && strcmp(key, name) == 0;
	fclose(f);
	ck_assert_msg(found, "%s has no digest of '%s'", path, name);
	ck_assert_msg(want == digest, "%s: digest is %016llx, frozen was %016llx", name,
		      (unsigned long long)digest, want);
}
