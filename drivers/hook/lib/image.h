/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - one launch taken off its device: the descriptor and the bytes of its
 * operands in host memory, so that it can be run on another device, kept in a
 * file, and compared bit for bit.
 *
 * An image is normal: its KV cache holds only the pages that the op uses, and its
 * block table (or pairs) is rewritten to match.
 */
#ifndef HOOK_IMAGE_H
#define HOOK_IMAGE_H

#include <aios/driver/driver.h>
#include <aios/driver/hook.h>

#include "lib/batch.h"
#include "lib/operand.h"

/* A device and a queue to work with, and how long its work may take. */
struct hook_io {
	const struct aios_below *below;
	void *queue;
	uint64_t timeout_ns;
};

/* Enqueue copies; they are done after hook_io_sync(). `bytes` 0 is fine. */
int hook_io_read(const struct hook_io *io, void *host, aios_addr from, uint64_t bytes,
		 struct aios_status *st);
int hook_io_write(const struct hook_io *io, aios_addr to, const void *host, uint64_t bytes,
		  struct aios_status *st);
int hook_io_sync(const struct hook_io *io, struct aios_status *st);

struct hook_image {
	union aios_op_any any;           /* addresses are the first device's */
	struct hook_operands operands;   /* of `any` */
	uint8_t *in[HOOK_MAX_OPERANDS];  /* bytes before the launch, NULL: not taken */
	uint8_t *out[HOOK_MAX_OPERANDS]; /* bytes after it, NULL: not an output */
	struct hook_pages pages;         /* pages.pages[i]: what page i was on the device */
};

/* Is this operand to be taken? NULL: all are. */
typedef bool (*hook_wanted_fn)(void *ctx, const struct hook_operand *o);

/*
 * Take the descriptor and what it reads (also what of a page it does not write).
 * Waits for the queue. -EINVAL: the batch's arrays are broken; -ENOTSUP: a
 * wanted operand is in the driver's own layout. Zeroed *im; hook_image_free() it
 * in any case.
 */
int hook_image_take(struct hook_image *im, const struct hook_io *io, const struct aios_op *op,
		    hook_wanted_fn wanted, void *ctx, struct aios_status *st);

/* Take the outputs as they are now into im->out. Waits for the queue. */
int hook_image_take_out(struct hook_image *im, const struct hook_io *io, struct aios_status *st);

/* Take one more input, by index. */
int hook_image_take_in(struct hook_image *im, const struct hook_io *io, uint32_t index,
		       struct aios_status *st);

void hook_image_free(struct hook_image *im);

/* Set what lies between rows to 0 in `data`, so that equal elements are equal bytes. */
void hook_operand_clean(const struct hook_operand *o, uint8_t *data);

/*
 * Make the image's arrays right for its compact cache, or check that they are
 * (an image from a file): every number in them that a driver uses as an index is
 * in range. -EINVAL says what is not.
 */
int hook_image_check(const struct hook_image *im, struct aios_status *st);

/* Memory on a device for running images; grows as needed. Zero-initialise. */
struct hook_room {
	struct aios_mem mem;
};
void hook_room_free(struct hook_room *room, const struct hook_io *io);

/*
 * Run an image on a device: bring the inputs, launch, take the outputs into
 * out[] (by operand; the caller frees them, also after a failure). placed[i] is
 * where operand i lies on that device already, 0: it is brought there; NULL: all
 * are. -ENOTSUP: the device does not have this op, *st says why.
 */
int hook_image_run(const struct hook_image *im, const struct hook_io *io, struct hook_room *room,
		   const aios_addr *placed, uint8_t *out[HOOK_MAX_OPERANDS],
		   struct aios_status *st);

/* Free what hook_image_run() put into out[]. */
void hook_free_outputs(uint8_t *out[HOOK_MAX_OPERANDS]);

/* A difference: the first element in the order of operands, rows and columns, and how many there are. */
struct hook_diff {
	const char *operand;
	uint32_t dtype, row, col;
	int32_t page;       /* of the device, for a KV cache: then row is the slot ... */
	uint32_t head;      /* ... of this head and col the element of the key */
	uint64_t got, want; /* bit patterns; I8X2: hi << 8 | lo */
	uint64_t ulps;      /* distance; UINT64_MAX where a NaN or a struct is one of the two */
	uint64_t count, total;
};

/* Compare im->out with `want`; true when some element differs. */
bool hook_image_diff(const struct hook_image *im, uint8_t *const want[HOOK_MAX_OPERANDS],
		     struct hook_diff *diff);

/* "out[3][17]: 0x3f800001 (1.00000012), expected 0x3f800000 (1), 1 ulp; 1 of 256 elements differ". */
void hook_diff_text(const struct hook_diff *diff, char *text, size_t size);

/* The place alone: "out[3][17]", "kv.k page 7 head 1 key 3 element 5". */
void hook_diff_place(const struct hook_diff *diff, char *text, size_t size);

#endif /* HOOK_IMAGE_H */
