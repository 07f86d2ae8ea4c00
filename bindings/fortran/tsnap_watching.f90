! tsnap_watching.f90 - what a program may watch: progress, log, events, removals.
!
! A watcher is a type of the program's that extends tsnap_watcher and overrides what it wants to see.
module tsnap_watching
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use tsnap_interface
  use tsnap_messages
  implicit none
  private
  public :: tsnap_watcher, tsnap_event
  public :: held_watcher, hold, at_watcher
  public :: progress_of_three, progress_of_two, log_line, event_seen, file_removed

  ! The begin or the end of a phase, or (phase 0) of a whole operation, on this rank.
  type :: tsnap_event
    integer(int64) :: operation_number = 0
    integer :: operation = 0
    integer :: phase = 0
    logical :: is_end = .false.
    integer :: status = 0
    integer(int64) :: unix_nanoseconds = 0
    real(real64) :: seconds = 0
    integer(int64) :: bytes = 0
  end type

  ! Its procedures are called from threads of the library as well, never two of one operation at once.
  type, abstract :: tsnap_watcher
  contains
    procedure :: progress => ignore_progress
    procedure :: log => ignore_log
    procedure :: event => ignore_event
    procedure :: removed => ignore_removed
  end type

  ! What C is given as `user`: it lives as long as the calls may come.
  type :: held_watcher
    class(tsnap_watcher), pointer :: watcher => null()
  end type

contains

  ! staged_bytes: copied out of the state so far; where nothing is staged it is done_bytes.
  subroutine ignore_progress(self, staged_bytes, done_bytes, total_bytes)
    class(tsnap_watcher), intent(inout) :: self
    integer(int64), intent(in) :: staged_bytes, done_bytes, total_bytes
    associate (unused => [staged_bytes, done_bytes, total_bytes], same => self)
    end associate
  end subroutine

  subroutine ignore_log(self, level, message)
    class(tsnap_watcher), intent(inout) :: self
    integer, intent(in) :: level
    character(len=*), intent(in) :: message
    associate (unused => level, text => message, same => self)
    end associate
  end subroutine

  subroutine ignore_event(self, event)
    class(tsnap_watcher), intent(inout) :: self
    type(tsnap_event), intent(in) :: event
    associate (unused => event, same => self)
    end associate
  end subroutine

  ! One file or stored object that tsnap_gc removes, or would remove.
  subroutine ignore_removed(self, key, bytes)
    class(tsnap_watcher), intent(inout) :: self
    character(len=*), intent(in) :: key
    integer(int64), intent(in) :: bytes
    associate (unused => key, size => bytes, same => self)
    end associate
  end subroutine

  ! What C is to be given for a watcher; a null pointer for none.
  subroutine hold(watcher, held)
    class(tsnap_watcher), pointer, intent(in) :: watcher
    type(held_watcher), pointer, intent(out) :: held
    held => null()
    if (.not. associated(watcher)) return
    allocate (held)
    held%watcher => watcher
  end subroutine

  function at_watcher(held) result(user)
    type(held_watcher), pointer, intent(in) :: held
    type(c_ptr) :: user
    user = c_null_ptr
    if (associated(held)) user = c_loc(held)
  end function

  subroutine progress_of_three(staged_bytes, done_bytes, total_bytes, user) bind(C)
    integer(c_int64_t), value :: staged_bytes, done_bytes, total_bytes
    type(c_ptr), value :: user
    type(held_watcher), pointer :: held
    call c_f_pointer(user, held)
    call held%watcher%progress(staged_bytes, done_bytes, total_bytes)
  end subroutine

  subroutine progress_of_two(done_bytes, total_bytes, user) bind(C)
    integer(c_int64_t), value :: done_bytes, total_bytes
    type(c_ptr), value :: user
    type(held_watcher), pointer :: held
    call c_f_pointer(user, held)
    call held%watcher%progress(done_bytes, done_bytes, total_bytes)
  end subroutine

  subroutine log_line(level, message, user) bind(C)
    integer(c_int32_t), value :: level
    type(c_ptr), value :: message, user
    type(held_watcher), pointer :: held
    call c_f_pointer(user, held)
    call held%watcher%log(int(level), from_c(message))
  end subroutine

  subroutine event_seen(event, user) bind(C)
    type(c_tsnap_event), intent(in) :: event
    type(c_ptr), value :: user
    type(held_watcher), pointer :: held
    call c_f_pointer(user, held)
    call held%watcher%event(tsnap_event(event%operation_number, event%operation, event%phase, &
      event%is_end /= 0, event%status, event%unix_nanoseconds, event%seconds, event%bytes))
  end subroutine

  subroutine file_removed(key, bytes, user) bind(C)
    type(c_ptr), value :: key, user
    integer(c_int64_t), value :: bytes
    type(held_watcher), pointer :: held
    call c_f_pointer(user, held)
    call held%watcher%removed(from_c(key), bytes)
  end subroutine
end module
