/* SPDX-License-Identifier: Apache-2.0 */
/* hip.h - the fake as libamdhip64: what the driver looks for, and how an image begins. */
#include "api.h"

#define FAKE_LIBRARY "libamdhip64.so.7"
#define FAKE_SYMBOLS(X) HIP_SYMBOLS(X)
#define FAKE_IMAGE "__CLANG_OFFLOAD_BUNDLE__"
#define FAKE_IMAGES                                                                                \
	{                                                                                          \
		{ FAKE_IMAGE, 0, GPU_SHARED_KERNELS, 0 }, { 0 },                                   \
	}
#define FAKE_BUS 0x83 /* of the first device */
