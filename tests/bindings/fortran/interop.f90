! interop.f90 - takes what interop.c reads, and restores what that takes: interop read|write FOLDER.
program interop
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use checks
  use tsnap_core
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  real(real64), target :: field(0:6, 0:4) ! with a ghost layer
  integer(int64), target :: step = 4711
  logical, target :: truth = .true., flags(4) = [.true., .false., .false., .true.]
  logical(c_bool), target :: bools(4)
  character(len=16), target :: title = 'of Fortran'
  character(len=5), target :: words(2) = ['one  ', 'three']
  integer :: i, j

  call context%open_self()
  call state%create()
  call state%add_sharded('field', field(1:5, 1:3), [5, 3], [1, 1])
  call state%add('step', step, TSNAP_REPLICATED)
  call state%add('truth', truth, TSNAP_REPLICATED)
  call state%add('title', title, TSNAP_REPLICATED)
  field = -1
  if (chosen_case() == 'write') then
    bools = flags
    call state%add('flags', flags, TSNAP_PRIVATE)
    call state%add('bools', bools, TSNAP_PRIVATE)
    call state%add('words', words, TSNAP_PRIVATE)
    do j = 1, 3
      do i = 1, 5
        field(i, j) = 100 * i + j
      end do
    end do
    call context%take(argument(2), state)
    call check(.not. any(field(:, 0) /= -1), 'ghosts')
  else
    truth = .false.
    call context%restore(argument(2), state)
    do j = 1, 3
      do i = 1, 5
        call check(field(i, j) == 10 * i + j, 'element (i, j) is [i - 1][j - 1]')
      end do
    end do
    call check(step == 42 .and. truth .and. title == 'of C', 'scalars')
  end if
  call state%destroy()
  call context%close()
  call end_case()
end program
