! integer_communicator.f90 - a program with the module mpi, whose communicators are integers.
program integer_communicator
  use mpi
  use tsnap
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  integer, target :: value
  integer :: error, rank
  character(len=400) :: folder

  call MPI_Init(error)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, error)
  call get_environment_variable('TMPDIR', folder)
  call tsnap_context_open(context, MPI_COMM_WORLD)
  call state%create()
  call state%add('value', value, TSNAP_PRIVATE)
  value = rank + 1
  call context%take(trim(folder) // '/snapshot', state)
  value = 0
  call context%restore(trim(folder) // '/snapshot', state)
  call context%close()
  call state%destroy()
  if (value /= rank + 1) error stop 'value is not that of the rank'
  call MPI_Finalize(error)
end program
