! stalls.f90 - after a take whose transfer hangs longer than the time limit, what the binding has registered of its own is not
! freed with the state: the thread that hangs may still read it. After one that went well it is.
module titled_part
  use tsnap_core
  implicit none
  type, extends(tsnap_stateful) :: titled
    character(len=700) :: title = 'of the part'
  contains
    procedure :: describe
  end type

contains

  subroutine describe(self, child, ierr)
    class(titled), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    call child%add('title', self%title, TSNAP_PRIVATE, ierr)
  end subroutine
end module

program stalls
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use checks
  use titled_part
  use tsnap_core
  implicit none
  interface
    function registered_count() bind(C) result(count)
      import :: c_int32_t
      integer(c_int32_t) :: count
    end function
    function freed_count() bind(C) result(count)
      import :: c_int32_t
      integer(c_int32_t) :: count
    end function
  end interface
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  type(tsnap_config) :: config
  type(titled), target :: part
  character(len=500), target :: title
  integer :: ierr
  config%io_timeout_seconds = 1
  title = 'a title'
  call context%open_self(config)
  call state%create()
  call state%add('title', title, TSNAP_PRIVATE)
  call state%add_stateful('part', part)
  call state%add_rng('seed')
  call context%take(argument(2) // '/snapshot', state, ierr=ierr)
  if (chosen_case() == 'hangs') then
    call expect_status(ierr, TSNAP_E_TIMEOUT, 'a take that hangs')
    call state%destroy()
    call check(registered_count() == 3, 'a string, one of a part, a seed')
    call check(freed_count() == 0, 'they are kept')
  else
    call expect_status(ierr, TSNAP_OK, 'a take')
    call state%destroy()
    call check(registered_count() == 3, 'a string, one of a part, a seed')
    call check(freed_count() > 0, 'they are freed')
  end if
  call context%close(ierr)
  call end_case()
end program
