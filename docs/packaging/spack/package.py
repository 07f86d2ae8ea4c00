"""tsnap for Spack: put this file into packages/tsnap/ of a repository of your own (`spack repo create`, `spack repo add`).

OPTIONS and FIXED say what becomes of each option of meson_options.txt; tests/docs/packaging.py holds them against it.
"""

from spack.package import *


class Tsnap(MesonPackage):
    """Snapshots (checkpoints) of running MPI programs, and their restore on any number of ranks."""

    # The archive is that of `git archive --prefix=tsnap-0.1.0/ -o tsnap-0.1.0.tar.gz HEAD`; or build a working tree: spack dev-build.
    manual_download = True

    license("BSD-3-Clause")

    version("0.1.0")

    variant("mpi", default=True, description="libtsnap_mpi: contexts over an MPI communicator")
    variant("hdf5", default=True, description="Snapshots in HDF5 files")
    variant("zstd", default=True, description="The zstd codec")
    variant("lz4", default=True, description="The LZ4 codec")
    variant("object_stores", default=True, description="Snapshots in S3 and Google Cloud Storage")
    variant("cuda", default=True, description="Arrays in the memory of NVIDIA GPUs; the driver is found at run time")
    variant("gpu_kernels", default=False, description="Kernels for GPUs, compiled by nvcc", when="+cuda")
    variant("fortran", default=True, description="The Fortran binding")
    variant("python", default=False, description="The Python package")

    # An option of Meson for each variant; the rest is the same in every package.
    OPTIONS = {
        "mpi": "mpi",
        "hdf5": "hdf5",
        "zstd": "zstd",
        "lz4": "lz4",
        "object_stores": "object_stores",
        "cuda": "cuda",
        "gpu_kernels": "gpu_kernels",
        "fortran": "fortran",
        "python": "python",
    }
    FIXED = {"cli": "enabled", "tests": "disabled", "examples": "disabled", "fuzz": "disabled", "bench": "disabled"}
    # mpi_impl follows from the MPI of the spec (see meson_args).
    DERIVED = ("mpi_impl",)

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("fortran", type="build", when="+fortran")

    depends_on("meson@1.0.1:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("flatbuffers@2:", type=("build", "link"))
    depends_on("nlohmann-json@3.10:", type="build")
    depends_on("cli11@2:", type="build")
    depends_on("fmt@9:")
    depends_on("isa-l@2.30:")
    depends_on("xxhash@0.8:")
    depends_on("zstd@1.5:", when="+zstd")
    depends_on("lz4@1.9:", when="+lz4")
    depends_on("curl@7.68:", when="+object_stores")
    depends_on("openssl@1.1.1:", when="+object_stores")
    depends_on("pugixml@1.11:", when="+object_stores")
    depends_on("mpi@3.1:", when="+mpi")
    depends_on("hdf5@1.10.3: +mpi", when="+hdf5 +mpi")
    depends_on("hdf5@1.10.3: ~mpi", when="+hdf5 ~mpi")

    depends_on("cuda", type="build", when="+gpu_kernels")
    depends_on("python@3.9:", type="build", when="+gpu_kernels")

    extends("python@3.9:", when="+python")
    depends_on("py-numpy@1.21:", type="run", when="+python")
    depends_on("py-mpi4py", type="run", when="+python +mpi")

    conflicts("%gcc@:11", msg="tsnap needs C++20 as g++ 12 has it")
    conflicts("%clang@:13", msg="tsnap needs C++20 as clang 14 has it")
    # The build takes the pkg-config module called just "hdf5" with Open MPI and without MPI only: with others it may be another MPI's.
    requires("^[virtuals=mpi] openmpi", when="+hdf5 +mpi", msg="with other MPIs than Open MPI, build tsnap ~hdf5")
    conflicts("platform=darwin", msg="tsnap runs on Linux")
    conflicts("platform=windows", msg="tsnap runs on Linux")

    def meson_args(self):
        args = [f"-D{option}={value}" for option, value in self.FIXED.items()]
        for variant_name, option in self.OPTIONS.items():
            args.append(f"-D{option}={'enabled' if self.spec.satisfies(f'+{variant_name}') else 'disabled'}")
        if self.spec.satisfies("^[virtuals=mpi] openmpi"):
            args.append("-Dmpi_impl=openmpi")
        elif self.spec.satisfies("^[virtuals=mpi] mpich"):
            args.append("-Dmpi_impl=mpich")
        else:
            args.append("-Dmpi_impl=auto")
        return args

    def test_tool(self):
        """the tool answers, and says that there is no snapshot"""
        tsnap = which(self.prefix.bin.tsnap)
        assert str(self.spec.version) in tsnap("--version", output=str.split, error=str.split)
        assert "there is no snapshot" in tsnap("ls", "nowhere", output=str.split, error=str.split, fail_on_error=False)
