// The real device: CUDA's runtime and the hardware behind the kernels' Block.
#include <cuda_runtime.h>

#include <string>

#include "mop/nn/cuda/device.h"
#include "mop/nn/cuda/kernels-inl.h"

namespace mop::nn::cuda {
namespace {

extern __shared__ Quad shared_memory[];

class HardwareBlock {
 public:
  __device__ int index() const { return static_cast<int>(blockIdx.x); }
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ float* shared() const { return reinterpret_cast<float*>(shared_memory); }
  __device__ void sync() { __syncthreads(); }

  __device__ void mma(float (&d)[4], const float (&a)[4], const float (&b)[2]) const {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
  }
  // A thread names one of the 32 rows of four columns that make up the 16 rows and 8 columns.
  __device__ void load_rows(float (&a)[4], const float* matrix, int stride) const {
    const int lane = thread() % kLanes;
    const auto at =
        static_cast<std::uint32_t>(__cvta_generic_to_shared(matrix + lane % 16 * stride + lane / 16 * 4));
    std::uint32_t bits[4];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(bits[0]), "=r"(bits[1]), "=r"(bits[2]), "=r"(bits[3])
                 : "r"(at)
                 : "memory");
    for (int e = 0; e < 4; ++e)
      a[e] = __uint_as_float(bits[e]);
  }
  __device__ void finish_products() const {}  // the hardware waits where a sum is used
  __device__ float operand(float x) const {
    std::uint32_t rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
    return __uint_as_float(rounded);
  }
  __device__ std::uint32_t exchange(std::uint32_t x) const { return __shfl_xor_sync(0xffffffffu, x, 1); }
  // Without denormals, which neither a gate nor a gap between quantiles can tell from zero.
  __device__ float exp(float x) const {
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x * 1.4426950408889634f));
    return power;
  }
  __device__ float divide(float a, float b) const {
    float inverse;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(b));
    return a * inverse;
  }
  __device__ float sqrt(float x) const { return ::sqrtf(x); }
  __device__ double sqrt(double x) const { return ::sqrt(x); }

  __device__ void copy(void* to, const void* from, bool present) const {
    const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
    const int bytes = present ? static_cast<int>(sizeof(Quad)) : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(bytes)
                 : "memory");
  }
  __device__ void copy_word(void* to, const void* from) const {
    const auto shared = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared), "l"(from) : "memory");
  }
  // Past the first cache, which has no use for what another launch or block reads.
  __device__ void store(Quad* to, const Quad& value) const {
    __stcg(reinterpret_cast<float4*>(to), make_float4(value.v[0], value.v[1], value.v[2], value.v[3]));
  }
  __device__ void store(Pair* to, const Pair& value) const {
    __stcg(reinterpret_cast<float2*>(to), make_float2(value.v[0], value.v[1]));
  }
  __device__ void close_group() const { asm volatile("cp.async.commit_group;" ::: "memory"); }
  __device__ void wait(int keep) const {  // keep: 0 or 1
    if (keep == 0) {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    }
  }
};

template <class Body>
__global__ void __launch_bounds__(kThreads, Body::kBlocksAtOnce) run_kernel(const StepArgs args) {
  HardwareBlock block;
  run_block<Body>(block, args);
}

// Once per kernel: more than 48 KB of shared memory must be asked for.
template <class Body>
cudaError_t allow_shared(std::size_t bytes) {
  return cudaFuncSetAttribute(run_kernel<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(bytes));
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(DeviceInfo info) : info_(std::move(info)) {
    for (const Kernel kernel : {Kernel::kTakeStep, Kernel::kForward, Kernel::kHeadLoss, Kernel::kBackward,
                                Kernel::kWeightGradients, Kernel::kFinishLoss, Kernel::kUpdate}) {
      with_body(kernel, [&](auto body) { note(allow_shared<decltype(body)>(info_.shared_bytes)); });
    }
  }

  const DeviceInfo& info() const override { return info_; }

  Result<void*> allocate(std::size_t bytes) override {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaSuccess) return memory;
    cudaGetLastError();  // out of memory is no lasting error
    return fail(ErrorCode::kUnsupported, info_.name + " has no " + std::to_string(bytes >> 20) +
                                             " MiB of memory left (" + cudaGetErrorString(error) +
                                             "); give mop less of it with --vram, or use --device cpu");
  }
  void release(void* memory) override { note(cudaFree(memory)); }
  void upload(void* to, const void* from, std::size_t bytes) override {
    note(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice));
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    note(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost));
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    note(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice));
  }
  void clear(void* memory, std::size_t bytes) override { note(cudaMemsetAsync(memory, 0, bytes)); }

  void launch(Kernel kernel, const StepArgs& args, std::size_t networks) override {
    with_body(kernel, [&](auto body) {
      using Body = decltype(body);
      const auto blocks = static_cast<unsigned>(networks) * static_cast<unsigned>(args.parts);
      run_kernel<Body><<<blocks, kThreads, static_cast<std::size_t>(Body::shared_bytes(args))>>>(args);
      note(cudaGetLastError());
    });
  }
  Result<void> wait() override {
    note(cudaDeviceSynchronize());
    if (error_ == cudaSuccess) return {};
    return fail(ErrorCode::kDeviceLost,
                info_.name + " failed: " + cudaGetErrorString(error_) +
                    "; finished models are kept, run the same command with --resume, or "
                    "use --device cpu");
  }
  float operand(float x) const override {
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
    return x - x == 0.0f ? __builtin_bit_cast(float, (bits + 0x1000u) & ~0x1fffu) : x;
  }

 private:
  void note(cudaError_t error) {
    if (error_ == cudaSuccess) error_ = error;
  }

  DeviceInfo info_;
  cudaError_t error_ = cudaSuccess;
};

Error not_usable(const char* what, cudaError_t error) {
  return {ErrorCode::kUnsupported, std::string(what) + " (" + cudaGetErrorString(error) + ")"};
}

}  // namespace

Result<DeviceInfo> find_gpu() {
  int count = 0, driver = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0)
    return fail(ErrorCode::kUnsupported, "no NVIDIA driver is installed here");
  if (status != cudaSuccess || count == 0) return fail(not_usable("no CUDA device is usable here", status));
  cudaDeviceProp properties{};
  std::size_t free = 0, total = 0;
  cudaError_t error = cudaGetDeviceProperties(&properties, 0);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free, &total);
  if (error != cudaSuccess) return fail(not_usable("the CUDA device cannot be read", error));
  if (properties.major < 8) {
    return fail(ErrorCode::kUnsupported,
                std::string(properties.name) + " has compute capability " + std::to_string(properties.major) +
                    "." + std::to_string(properties.minor) + ", mop's kernels need 8.0 or newer");
  }
  return DeviceInfo{properties.name,
                    total,
                    free,
                    properties.major,
                    properties.minor,
                    driver,
                    properties.multiProcessorCount,
                    properties.sharedMemPerBlockOptin};
}

Result<std::unique_ptr<Device>> open_gpu() {
  MOP_TRY_ASSIGN(DeviceInfo info, find_gpu());
  return std::make_unique<CudaDevice>(std::move(info));
}

}  // namespace mop::nn::cuda
