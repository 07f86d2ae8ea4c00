#!/bin/sh
# Starts MPI ranks on this machine, whatever the MPI and whoever the user: mpirun.sh -n N PROGRAM [ARGUMENT...]
# Open MPI must be told that more ranks than cores, and root, are meant; MPICH's launcher knows neither flag.
# TSNAP_MPIRUN names the launcher (mpirun.mpich, /opt/mpi/bin/mpirun); else the mpirun of the PATH is taken.
# The shell becomes the launcher (exec), so the process id that the caller sees is the launcher's.

launcher=${TSNAP_MPIRUN:-mpirun}
if ! version=$("$launcher" --version 2>&1 </dev/null); then
  echo "mpirun.sh: cannot run $launcher: install openmpi-bin or mpich, or set TSNAP_MPIRUN" >&2
  exit 127
fi

case $version in
  *"Open MPI"* | *OpenRTE*)
    # Ranks of several jobs share few cores: binding would put them all on the same ones.
    set -- --oversubscribe --bind-to none "$@"
    [ "$(id -u)" = 0 ] && set -- --allow-run-as-root "$@"
    # Copying straight from another process is not permitted in most containers.
    OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
    # No cluster, no fabric: do not look for one, and do not wait for it.
    OMPI_MCA_plm=${OMPI_MCA_plm:-isolated}
    OMPI_MCA_btl=${OMPI_MCA_btl:-self,vader}
    OMPI_MCA_pml=${OMPI_MCA_pml:-ob1}
    # The ranks yield the core while they wait, for there are more ranks than cores.
    OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle:-1}
    # Shared memory lies in /dev/shm, and stays there when a launcher is killed. A caller who kills sets
    # TMPDIR to a folder of its own: then everything lies in it, and is removed with it.
    if [ -n "${TMPDIR:-}" ]; then
      OMPI_MCA_btl_vader_backing_directory=${OMPI_MCA_btl_vader_backing_directory:-$TMPDIR}
      export OMPI_MCA_btl_vader_backing_directory
    fi
    export OMPI_MCA_btl_vader_single_copy_mechanism OMPI_MCA_plm OMPI_MCA_btl OMPI_MCA_pml
    export OMPI_MCA_mpi_yield_when_idle
    ;;
  *HYDRA* | *MPICH* | *mpich*)
    # The host name of a container often has no address: stay on this machine without asking for it.
    HYDRA_LAUNCHER=${HYDRA_LAUNCHER:-fork}
    export HYDRA_LAUNCHER
    ;;
esac
exec "$launcher" "$@" </dev/null
