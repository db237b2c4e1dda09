// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// A library of the NVIDIA driver that has no GPUs and says that it has eight. A
// file that the variable NVMLTEST_CONTROL names changes what it does; it is read
// at every call, one order a line:
//
//   gpus N              there are N GPUs (8)
//   driver VERSION      the driver's version (580.159.03)
//   lost N              GPU N has fallen off the bus
//   hang N FUNCTION     FUNCTION does not return for GPU N while the line is there
//   mig N               GPU N is divided into MIG devices of 1 and 2 used of 18 GiB
//   unloaded            there is no driver
//   mismatch            the driver is newer than this library
//   generation N        the driver was loaded for the Nth time: what was opened before is void
//   xid SEQUENCE N CODE GPU N has the error CODE, once for each SEQUENCE, which grow
//
// GPU i has used (i+1) GiB of 80 GiB, is busy for (i+1)*10 % of the time and has
// used (i+1)*1000 J.

#define NVML_NO_UNVERSIONED_FUNC_DEFS 1
#include "nvml.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_GPUS 64
#define GIB (1024ULL * 1024 * 1024)

struct nvmlDevice_st {
    int index;
    int mig; // number of the MIG device from 1 on, or 0 for a whole GPU
};

struct nvmlGpmSample_st {
    int taken;
};

struct nvmlEventSet_st {
    int unused;
};

typedef struct {
    int gpus, unloaded, mismatch, generation;
    char driver[64];
    int lost[MAX_GPUS];
    int mig[MAX_GPUS];
    int hang_gpu;
    char hang[96];
    int xid_sequence, xid_gpu, xid_code;
} control_t;

#define MIG_DEVICES 2

// The GPUs, then the MIG devices of each.
static struct nvmlDevice_st devices[MAX_GPUS * (1 + MIG_DEVICES)];
static struct nvmlEventSet_st event_set;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int opened; // generation + 1 in which the library was initialised, or 0
static int xid_seen;

static control_t control(void) {
    control_t c = {.gpus = 8, .driver = "580.159.03", .hang_gpu = -1};
    const char *path = getenv("NVMLTEST_CONTROL");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return c;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        int n, sequence, code;
        char word[96];
        if (sscanf(line, "gpus %d", &n) == 1 && n >= 0 && n <= MAX_GPUS) c.gpus = n;
        if (sscanf(line, "driver %63s", word) == 1) snprintf(c.driver, sizeof c.driver, "%.63s", word);
        if (sscanf(line, "lost %d", &n) == 1 && n >= 0 && n < MAX_GPUS) c.lost[n] = 1;
        if (sscanf(line, "mig %d", &n) == 1 && n >= 0 && n < MAX_GPUS) c.mig[n] = 1;
        if (sscanf(line, "hang %d %95s", &n, word) == 2) {
            c.hang_gpu = n;
            memcpy(c.hang, word, sizeof c.hang);
        }
        if (sscanf(line, "generation %d", &n) == 1) c.generation = n;
        if (strncmp(line, "unloaded", 8) == 0) c.unloaded = 1;
        if (strncmp(line, "mismatch", 8) == 0) c.mismatch = 1;
        if (sscanf(line, "xid %d %d %d", &sequence, &n, &code) == 3) {
            c.xid_sequence = sequence;
            c.xid_gpu = n;
            c.xid_code = code;
        }
    }
    fclose(file);
    return c;
}

// connected says whether calls work at all.
static nvmlReturn_t connected(const control_t *c) {
    pthread_mutex_lock(&lock);
    int current = opened == c->generation + 1;
    pthread_mutex_unlock(&lock);
    if (!current) return NVML_ERROR_UNINITIALIZED;
    return c->unloaded ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS;
}

// enter begins a call for a device: it may hang, and the device may be gone.
static nvmlReturn_t enter(nvmlDevice_t device, const char *function) {
    if (device.handle < devices || device.handle >= devices + MAX_GPUS * (1 + MIG_DEVICES)) return NVML_ERROR_INVALID_ARGUMENT;
    control_t c = control();
    while (c.hang_gpu == device.handle->index && strcmp(c.hang, function) == 0) {
        usleep(10000);
        c = control();
    }
    nvmlReturn_t ret = connected(&c);
    if (ret != NVML_SUCCESS) return ret;
    return c.lost[device.handle->index] ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

#define ENTER(device)                                  \
    do {                                               \
        nvmlReturn_t entered = enter(device, __func__); \
        if (entered != NVML_SUCCESS) return entered;   \
    } while (0)

#define CONNECTED(c)                                \
    control_t c = control();                        \
    do {                                            \
        nvmlReturn_t state = connected(&c);         \
        if (state != NVML_SUCCESS) return state;    \
    } while (0)

nvmlReturn_t nvmlInit_v2(void) {
    control_t c = control();
    if (c.mismatch) return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    if (c.unloaded) return NVML_ERROR_DRIVER_NOT_LOADED;
    pthread_mutex_lock(&lock);
    opened = c.generation + 1;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < MAX_GPUS * (1 + MIG_DEVICES); i++) {
        devices[i].index = i % MAX_GPUS;
        devices[i].mig = i / MAX_GPUS;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit(void) { return nvmlInit_v2(); }

nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    nvmlReturn_t ret = opened ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    opened = 0;
    pthread_mutex_unlock(&lock);
    return ret;
}

static nvmlReturn_t text(char *into, unsigned int length, const char *from) {
    if (strlen(from) >= length) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(into, from);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    CONNECTED(c);
    return text(version, length, c.driver);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length) { return text(version, length, "13.580.159.03"); }

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
    *version = 13000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    CONNECTED(c);
    *count = c.gpus;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *count) { return nvmlDeviceGetCount_v2(count); }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    CONNECTED(c);
    if ((int)index >= c.gpus) return NVML_ERROR_INVALID_ARGUMENT;
    if (c.lost[index]) return NVML_ERROR_GPU_IS_LOST;
    device->handle = &devices[index];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device) { return nvmlDeviceGetHandleByIndex_v2(index, device); }

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) {
    ENTER(device);
    char of[64];
    if (device.handle->mig) {
        snprintf(of, sizeof of, "MIG-%d-%d", device.handle->index, device.handle->mig);
        return text(uuid, length, of);
    }
    snprintf(of, sizeof of, "GPU-00000000-0000-0000-0000-%012d", device.handle->index);
    return text(uuid, length, of);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) {
    ENTER(device);
    return text(name, length, device.handle->mig ? "NVIDIA H200 MIG 1g.18gb" : "NVIDIA H200");
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned int length) {
    ENTER(device);
    return text(serial, length, "1650000000001");
}

nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char *version, unsigned int length) {
    ENTER(device);
    return text(version, length, "96.00.A5.00.03");
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
    ENTER(device);
    memset(pci, 0, sizeof *pci);
    snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", 0x10 + device.handle->index);
    pci->pciSubSystemId = 0x18BE10DE;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int *minor) {
    ENTER(device);
    *minor = device.handle->index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    ENTER(device);
    *major = 9;
    *minor = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    ENTER(device);
    if (device.handle->mig) {
        memory->total = 18 * GIB;
        memory->reserved = 0;
        memory->used = device.handle->mig * GIB;
        memory->free = memory->total - memory->used;
        return NVML_SUCCESS;
    }
    memory->total = 80 * GIB;
    memory->reserved = GIB;
    memory->used = (device.handle->index + 1) * GIB;
    memory->free = memory->total - memory->reserved - memory->used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    ENTER(device);
    memory->total = 80 * GIB;
    memory->used = (device.handle->index + 1) * GIB;
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization) {
    ENTER(device);
    if (control().mig[device.handle->index]) return NVML_ERROR_NOT_SUPPORTED;
    utilization->gpu = 10 * (device.handle->index + 1);
    utilization->memory = 5 * (device.handle->index + 1);
    return NVML_SUCCESS;
}

static nvmlReturn_t engine(unsigned int *utilization, unsigned int *period, unsigned int value) {
    *utilization = value;
    *period = 167000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned int *utilization, unsigned int *period) {
    ENTER(device);
    return engine(utilization, period, 1);
}

nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned int *utilization, unsigned int *period) {
    ENTER(device);
    return engine(utilization, period, 2);
}

nvmlReturn_t nvmlDeviceGetJpgUtilization(nvmlDevice_t device, unsigned int *utilization, unsigned int *period) {
    ENTER(device);
    return engine(utilization, period, 3);
}

nvmlReturn_t nvmlDeviceGetOfaUtilization(nvmlDevice_t device, unsigned int *utilization, unsigned int *period) {
    ENTER(device);
    return engine(utilization, period, 4);
}

// Two samples, of 0 and of twice the mean; the last are half a second apart from now on.
nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long since, nvmlValueType_t *valueType, unsigned int *count,
                                  nvmlSample_t *samples) {
    ENTER(device);
    if (type != NVML_GPU_UTILIZATION_SAMPLES || control().mig[device.handle->index]) return NVML_ERROR_NOT_SUPPORTED;
    *valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
    *count = 2;
    if (!samples) return NVML_SUCCESS;
    memset(samples, 0, 2 * sizeof *samples);
    samples[0].timeStamp = since + 1;
    samples[1].timeStamp = since + 2;
    samples[1].sampleValue.uiVal = 2 * 10 * (device.handle->index + 1);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values) {
    ENTER(device);
    int major = 0, minor = 0;
    control_t c = control();
    sscanf(c.driver, "%d.%d", &major, &minor);
    unsigned int thermal = major > 580 || (major == 580 && minor >= 82) ? 269 : 251;
    for (int i = 0; i < count; i++) {
        nvmlFieldValue_t *v = &values[i];
        v->nvmlReturn = NVML_SUCCESS;
        v->latencyUsec = 3;
        v->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        v->value.ullVal = 0;
        if (v->fieldId >= thermal && v->fieldId < thermal + 3) {
            v->value.ullVal = (v->fieldId - thermal + 3) * 1000000000ULL;
            continue;
        }
        switch (v->fieldId) {
        case 3: case 4: case 5: case 6: case 38: case 45: case 52: case 59: case 94: case 142: case 143: case 144: case 145: case 230: break;
        case 74: v->value.ullVal = 1000000000ULL; break;
        case 76: v->value.ullVal = 2000000000ULL; break;
        case 82: v->valueType = NVML_VALUE_TYPE_UNSIGNED_INT; v->value.uiVal = 51 + device.handle->index; break;
        case 138: case 139: v->value.ullVal = v->scopeId == 0xFFFFFFFF ? 1024 * (device.handle->index + 1) : 1; break;
        case 185: case 186: case 187: case 188: case 189: case 190: case 192:
            v->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
            v->value.uiVal = 100000 * (v->fieldId - 184);
            break;
        case 197: case 198: v->value.ullVal = 1000000ULL * (device.handle->index + 1); break;
        // The old numbers of the throttle times mean something else in a new driver.
        case 251: case 252: case 253: if (thermal == 269) { v->value.ullVal = 77000000000ULL; break; } // fall through
        default: v->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
        }
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy) {
    ENTER(device);
    *energy = 1000000ULL * (device.handle->index + 1);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock) {
    ENTER(device);
    *clock = 1000 + 100 * type;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int *clock) {
    ENTER(device);
    *clock = 2000 + 100 * type;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) {
    ENTER(device);
    *reasons = 0x4;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    ENTER(device);
    *reasons = 0x4;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature) {
    ENTER(device);
    temperature->temperature = 41 + device.handle->index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int *temperature) {
    (void)sensor;
    ENTER(device);
    *temperature = 41 + device.handle->index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t type, unsigned int *temperature) {
    ENTER(device);
    *temperature = 80 + type;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNumFans(nvmlDevice_t device, unsigned int *fans) {
    ENTER(device);
    *fans = 1;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFanSpeed_v2(nvmlDevice_t device, unsigned int fan, unsigned int *speed) {
    (void)fan;
    ENTER(device);
    *speed = 30;
    return NVML_SUCCESS;
}

static nvmlReturn_t number(unsigned int *into, unsigned int value) {
    *into = value;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned int *value) {
    ENTER(device);
    return number(value, 4);
}

nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned int *value) {
    ENTER(device);
    return number(value, 5);
}

nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned int *value) {
    ENTER(device);
    return number(value, 8);
}

nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned int *value) {
    ENTER(device);
    return number(value, 16);
}

// The process that reads holds some memory of every GPU.
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos) {
    ENTER(device);
    if (*count < 1 || !infos) {
        *count = 1;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    *count = 1;
    memset(infos, 0, sizeof *infos);
    infos->pid = getpid();
    infos->usedGpuMemory = (device.handle->index + 1) * GIB;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples, unsigned int *count, unsigned long long since) {
    ENTER(device);
    if (!samples || *count < 1) {
        *count = 1;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    *count = 1;
    memset(samples, 0, sizeof *samples);
    samples->pid = getpid();
    samples->timeStamp = since + 1;
    samples->smUtil = 10 * (device.handle->index + 1);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    ENTER(device);
    *current = *pending = control().mig[device.handle->index] ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count) {
    ENTER(device);
    return number(count, 7);
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig) {
    ENTER(device);
    if (index >= MIG_DEVICES || !control().mig[device.handle->index]) return NVML_ERROR_NOT_FOUND;
    mig->handle = &devices[device.handle->index + MAX_GPUS * (1 + index)];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id) {
    ENTER(device);
    return number(id, 6 + device.handle->mig);
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id) {
    ENTER(device);
    return number(id, 0);
}

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support) {
    ENTER(device);
    support->isSupportedDevice = 1;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample) {
    sample->handle = calloc(1, sizeof *sample->handle);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
    free(sample.handle);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
    static int taken;
    ENTER(device);
    sample.handle->taken = __sync_add_and_fetch(&taken, 1);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned int instance, nvmlGpmSample_t sample) {
    (void)instance;
    return nvmlGpmSampleGet(device, sample);
}

// Counter N is at N %. The samples must come in the order in which they were taken.
nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *get) {
    if (get->version != NVML_GPM_METRICS_GET_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (get->sample1.handle->taken == 0 || get->sample1.handle->taken >= get->sample2.handle->taken) return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned int i = 0; i < get->numMetrics; i++) {
        get->metrics[i].nvmlReturn = NVML_SUCCESS;
        get->metrics[i].value = get->metrics[i].metricId;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
    set->handle = &event_set;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    (void)set;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *types) {
    ENTER(device);
    *types = nvmlEventTypeXidCriticalError | nvmlEventTypeClock;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
    (void)set;
    ENTER(device);
    return types == nvmlEventTypeXidCriticalError ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeout) {
    (void)set;
    for (unsigned int waited = 0; waited < timeout; waited += 10) {
        CONNECTED(c);
        if (c.xid_sequence > xid_seen) {
            xid_seen = c.xid_sequence;
            data->device.handle = &devices[c.xid_gpu];
            data->eventType = nvmlEventTypeXidCriticalError;
            data->eventData = c.xid_code;
            data->gpuInstanceId = data->computeInstanceId = 0xFFFFFFFF;
            return NVML_SUCCESS;
        }
        usleep(10000);
    }
    return NVML_ERROR_TIMEOUT;
}
