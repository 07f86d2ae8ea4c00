! core_fortran.f90 - a stranger's Fortran program without MPI: reads what with_fortran.f90 has taken.
program core_fortran
  use tsnap_core
  implicit none
  type(tsnap_snapshot) :: snapshot
  type(tsnap_object_info) :: info
  character(len=400) :: url
  integer :: corner(1, 1)

  call get_command_argument(1, url)
  call snapshot%open(url)
  call snapshot%find('columns', info)
  if (info%kind /= TSNAP_SHARDED .or. info%shape(1) /= 3) error stop 'not what was taken'
  call snapshot%read('columns', corner, [3, int(info%shape(2))])
  if (corner(1, 1) /= info%shape(2) / 3) error stop 'not the last rank''s'
  call snapshot%close()
end program
