/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock_device.h - a device for tests of the core: host memory, ops that are
 * recorded instead of run, failures on request.
 */
#ifndef TESTS_UNIT_MOCK_DEVICE_H
#define TESTS_UNIT_MOCK_DEVICE_H

#include "core/device/device.h"

#define MOCK_MAX_OPS 16

struct mock_device {
	unsigned fail_alloc;   /* the n-th allocation from now is refused; 0: none */
	bool lose;             /* every queue call reports a lost device */
	uint64_t refuse_fused; /* bit t: op type t is refused in its fused or scaled forms */
	uint64_t refuse;       /* bit t: op type t is refused */
	uint64_t scratch;      /* what query_op() asks for */
	uint64_t allocated;    /* bytes, to see leaks */
	uint64_t timeline;
	uint32_t n_ops; /* launched */
	uint16_t ops[MOCK_MAX_OPS];
	struct aios_scratch last_scratch;
};

struct device *mock_open(struct mock_device *mock);            /* zeroes *mock */
void mock_close(struct mock_device *mock, struct device *dev); /* fails the test on a leak */

#endif /* TESTS_UNIT_MOCK_DEVICE_H */
