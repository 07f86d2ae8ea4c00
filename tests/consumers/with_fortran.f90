! with_fortran.f90 - a stranger's Fortran program with MPI: takes a snapshot, asynchronously, and restores it.
program with_fortran
  use mpi_f08
  use tsnap
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  type(tsnap_request) :: request
  character(len=400) :: url
  integer, target :: columns(4, 3)
  integer :: rank, ranks

  call get_command_argument(1, url)
  call MPI_Init()
  call MPI_Comm_rank(MPI_COMM_WORLD, rank)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks)
  call tsnap_context_open(context, MPI_COMM_WORLD)
  call state%create()
  call state%add_sharded('columns', columns(2:4, :), [3, 3 * ranks], [1, 3 * rank + 1])
  columns = rank + 1
  call context%take_async(url, state, request)
  columns = 0
  call request%free()
  call context%restore(url, state)
  if (any(columns(2:4, :) /= rank + 1) .or. any(columns(1, :) /= 0)) error stop 'not what was taken'
  call context%close()
  call state%destroy()
  call MPI_Finalize()
end program
