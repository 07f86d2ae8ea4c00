! watchers.f90 - a watcher that counts what it is told.
module watchers
  use, intrinsic :: iso_fortran_env, only: int64
  use tsnap_core
  implicit none

  type, extends(tsnap_watcher) :: counting_watcher
    integer(int64) :: last_done = 0, last_total = 0, removed_bytes = 0
    integer :: calls = 0, log_lines = 0, begins = 0, ends = 0, removals = 0, last_status = 1
    integer :: operation = 0
    character(len=200) :: last_line = ' ', last_key = ' '
  contains
    procedure :: progress => count_progress
    procedure :: log => count_line
    procedure :: event => count_event
    procedure :: removed => count_removal
  end type

contains

  subroutine count_progress(self, staged_bytes, done_bytes, total_bytes)
    class(counting_watcher), intent(inout) :: self
    integer(int64), intent(in) :: staged_bytes, done_bytes, total_bytes
    self%calls = self%calls + 1
    self%last_done = min(staged_bytes, done_bytes)
    self%last_total = total_bytes
  end subroutine

  subroutine count_line(self, level, message)
    class(counting_watcher), intent(inout) :: self
    integer, intent(in) :: level
    character(len=*), intent(in) :: message
    if (level >= TSNAP_LOG_ERROR .and. level <= TSNAP_LOG_DEBUG) self%log_lines = self%log_lines + 1
    self%last_line = message
  end subroutine

  subroutine count_event(self, event)
    class(counting_watcher), intent(inout) :: self
    type(tsnap_event), intent(in) :: event
    if (event%is_end) then
      self%ends = self%ends + 1
      if (event%phase == 0) self%last_status = event%status
    else
      self%begins = self%begins + 1
    end if
    self%operation = event%operation
  end subroutine

  subroutine count_removal(self, key, bytes)
    class(counting_watcher), intent(inout) :: self
    character(len=*), intent(in) :: key
    integer(int64), intent(in) :: bytes
    self%removals = self%removals + 1
    self%removed_bytes = self%removed_bytes + bytes
    self%last_key = key
  end subroutine
end module
