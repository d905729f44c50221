/* SPDX-License-Identifier: Apache-2.0 */
/* cuda.h - the fake as libcuda: what the driver looks for, and the image that it takes. */
#include "api.h"

#define FAKE_LIBRARY "libcuda.so.1"
#define FAKE_SYMBOLS(X) CUDA_SYMBOLS(X)
#define FAKE_IMAGE "fake cuda image"
#define FAKE_IMAGE_SM90 "fake cuda image, sm_90a"
#define FAKE_IMAGES                                                                                \
	{                                                                                          \
		{ FAKE_IMAGE_SM90, GPU_SM80_END, GPU_SM90_END, 9 },                                \
			{ FAKE_IMAGE, 0, GPU_SM80_END, 0 }, { 0 },                                 \
	}
#define FAKE_BUS 0x3b /* of the first device */
