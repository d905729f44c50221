/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_bed.h - hooks over cpu-ref, as files of the build folder, for tests: what
 * the core does at --hook, with the log kept and the table below open to change.
 */
#ifndef TESTS_UNIT_HOOK_BED_H
#define TESTS_UNIT_HOOK_BED_H

#include <aios/driver/hook.h>

#define BED_LAYERS 4
#define BED_BUFS 64

struct bed_layer {
	void *library;
	struct aios_driver_ops *ops; /* complete, the bed's own: tests may replace slots */
	void *dev;
	void *reference; /* a second cpu-ref that this hook was given, or NULL */
};

/* A device with hooks over it. layers[0] is cpu-ref, layers[n - 1] what tests call. */
struct bed {
	struct bed_layer layers[BED_LAYERS];
	uint32_t n;
	struct aios_host host;
	char log[65536];
	size_t logged;
	struct aios_status st;
	void *queue;
	struct aios_mem bufs[BED_BUFS];
	uint32_t n_bufs;
};

/* False (and "skipped" is said) when the modules are not files of this build. */
bool bed_open(struct bed *b);

/* Put a hook over what is there: 0 or what wrap() said, with b->st. */
int bed_hook(struct bed *b, const char *name, const char *args);

/* Open a queue on the upper device; later calls use it. */
void bed_queue(struct bed *b);

/* Free buffers, destroy the queue, quiesce and close all layers. The log stays. */
void bed_close(struct bed *b);

/* The upper device. */
const struct aios_driver_ops *bed_ops(const struct bed *b);
void *bed_dev(const struct bed *b);

/* Memory of the device heap, freed by bed_close(); its bytes are `fill`. */
aios_addr bed_alloc(struct bed *b, uint64_t bytes, uint8_t fill);
/* The same with these bytes. */
aios_addr bed_upload(struct bed *b, const void *data, uint64_t bytes);

int bed_launch(struct bed *b, const struct aios_op *op);
/* Signal and wait. */
void bed_sync(struct bed *b);

/* How often does the log say this? */
unsigned bed_says(const struct bed *b, const char *text);

/* Plain rows in new memory; floats from a counter, the same for the same seed. */
struct aios_tensor bed_tensor(struct bed *b, uint32_t dtype, uint32_t rows, uint32_t cols,
			      uint32_t seed);

/* out[rows][n] = x[rows][k] * w[n][k], bf16 to f32, ready to launch. */
struct aios_op_matmul bed_matmul(struct bed *b, uint32_t rows, uint32_t n, uint32_t k);

/* A batch of one sequence of `rows` rows from position `first`, over a cache with these pages. */
struct bed_cache {
	struct aios_batch batch;
	struct aios_kv_layer kv;
	int32_t *table, *positions; /* in device memory, which is the host's here */
};
struct bed_cache bed_cache(struct bed *b, uint32_t rows, uint32_t first, uint32_t n_pages,
			   uint32_t page_size);
struct aios_op_rope_kv bed_rope_kv(struct bed *b, const struct bed_cache *c);
struct aios_op_attention bed_attention(struct bed *b, const struct bed_cache *c);

/* A path in a folder of the test's own; the folder is removed by bed_folder_end(). */
const char *bed_file(const char *name);
void bed_folder_begin(void);
void bed_folder_end(void);

#endif /* TESTS_UNIT_HOOK_BED_H */
