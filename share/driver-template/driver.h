/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - what the files of this driver share. <aios/driver/driver.h> says what each slot of
 * the table must do, <aios/op.h> what each op computes; <aios/numerics.h> has the formulas.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <aios/driver/driver.h>
#include <aios/numerics.h>

/* The name: lower case, digits, '-'. The file is DRIVER_NAME.so, the ini section [driver.NAME]. */
#define DRIVER_NAME "@NAME@"
#define DRIVER_DEVICE_ID DRIVER_NAME ":0"

/*
 * An opened device: all state is here or in a queue. A variable at file scope would be shared by
 * two devices; `make lint` counts them.
 */
struct drv_device {
	const struct aios_host *host; /* log and parameters, valid until close() */
	uint64_t limit;               /* bytes that may be allocated at once */
	uint64_t allocated;           /* bytes that are */
};

/*
 * This driver computes when launch() is called, so that a queue is only a number: how many signals
 * there were. A device that works on its own keeps here what its runtime calls a stream, and an
 * event for each signal.
 */
struct drv_queue {
	uint64_t timeline;
};

/* ---- module.c, memory.c, queue.c: the slots ----------------------------------- */

int drv_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st);
int drv_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		  struct aios_status *st);
void drv_mem_free(void *dev, struct aios_mem *mem);
int drv_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	     struct aios_status *st);
int drv_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
	     struct aios_status *st);

int drv_queue_create(void *dev, void **queue, struct aios_status *st);
void drv_queue_destroy(void *dev, void *queue);
int drv_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int drv_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns, struct aios_status *st);
int drv_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);

int drv_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int drv_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);

/* ---- ops.c: one row an op ------------------------------------------------------ */

/*
 * check() is the answer of query_op() and the first step of launch(), so that the two cannot
 * disagree: true, or false with the reason in *out. It reads the descriptor and nothing else.
 * run() may rely on it.
 */
struct drv_op {
	uint32_t size; /* of the descriptor: a shorter one is not read */
	bool (*check)(const struct aios_op *op, struct aios_op_support *out);
	void (*run)(const struct aios_op *op);
};

/* By enum aios_op_type; a row of zeros is an op that is not there. */
extern const struct drv_op drv_ops[AIOS_OP_COUNT];

/* ---- check.c ------------------------------------------------------------------- */

/* Sets of element types, and a number of rows or columns that does not matter. */
#define DRV_T(dtype) (1u << (dtype))
#define DRV_ANY UINT32_MAX

/* Write the reason; always false. */
bool drv_no(struct aios_op_support *out, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* A tensor in plain rows, of one of `types` and this shape. */
bool drv_check_tensor(struct aios_op_support *out, const char *name, const struct aios_tensor *t,
		      uint32_t types, uint32_t rows, uint32_t cols);

/* ---- one file an op ------------------------------------------------------------ */

bool drv_check_add(const struct aios_op *op, struct aios_op_support *out);
void drv_run_add(const struct aios_op *op);
bool drv_check_gather_rows(const struct aios_op *op, struct aios_op_support *out);
void drv_run_gather_rows(const struct aios_op *op);

/* ---- device memory -------------------------------------------------------------- */

/*
 * The device's memory is this process's, so an address is a pointer. On a device of its own these
 * two are gone: addresses are then handed to kernels and never dereferenced here.
 */
static inline void *drv_ptr(aios_addr addr)
{
	return (void *)(uintptr_t)addr;
}

static inline void *drv_row(const struct aios_tensor *t, uint64_t row)
{
	return (uint8_t *)drv_ptr(t->data) + row * t->row_bytes;
}

#endif /* DRIVER_H */
