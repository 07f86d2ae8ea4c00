! tsnap_contexts.f90 - contexts, takes, restores and requests (tsnap/context.h, take.h, restore.h,
! request.h, statistics.h). Contexts of MPI communicators are opened by module tsnap.
module tsnap_contexts
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use tsnap_constants
  use tsnap_interface
  use tsnap_messages
  use tsnap_settings
  use tsnap_states
  use tsnap_watching
  implicit none
  private
  public :: tsnap_context, tsnap_request, tsnap_report, tsnap_statistics
  public :: tsnap_context_open_self, tsnap_context_close, tsnap_context_statistics
  public :: tsnap_take, tsnap_take_async, tsnap_restore, tsnap_restore_report
  public :: tsnap_request_test, tsnap_request_wait, tsnap_request_cancel, tsnap_request_free
  public :: may_open_context, adopt_context, context_handle

  ! Handles: they are never copied, and nothing happens to them when they go out of scope.
  type :: tsnap_context
    private
    type(c_ptr) :: handle = c_null_ptr
    type(held_watcher), pointer :: held => null()
  contains
    procedure :: open_self => tsnap_context_open_self
    procedure :: close => tsnap_context_close
    procedure :: take => tsnap_take
    procedure :: take_async => tsnap_take_async
    procedure :: restore => tsnap_restore
    procedure :: report => tsnap_restore_report
    procedure :: statistics => tsnap_context_statistics
  end type

  type :: tsnap_request
    private
    type(c_ptr) :: handle = c_null_ptr
    type(held_watcher), pointer :: held => null()
  contains
    procedure :: test => tsnap_request_test
    procedure :: wait => tsnap_request_wait
    procedure :: cancel => tsnap_request_cancel
    procedure :: free => tsnap_request_free
    procedure :: is_pending
  end type

  ! What a restore found on this rank; lists of paths.
  type :: tsnap_report
    type(tsnap_text), allocatable :: missing(:)
    type(tsnap_text), allocatable :: unexpected(:)
    type(tsnap_text), allocatable :: mismatched(:)
    type(tsnap_text), allocatable :: not_restored(:)
  end type

  ! Times are of this rank, in seconds; the arrays have one element for each TSNAP_PHASE_...
  type :: tsnap_statistics
    integer(int64) :: operation_number = 0
    integer :: operation = 0
    integer :: status = 0
    logical :: plan_reused = .false.
    real(real64) :: seconds = 0
    real(real64) :: blocked_seconds = 0
    real(real64) :: budget_wait_seconds = 0
    real(real64) :: rank_wait_seconds = 0
    integer(int64) :: bytes = 0
    integer(int64) :: stored_bytes = 0
    integer(int64) :: over_budget_bytes = 0
    integer(int64) :: peak_buffer_bytes = 0
    real(real64) :: phase_seconds(TSNAP_PHASE_LIMIT - 1) = 0
    integer(int64) :: phase_bytes(TSNAP_PHASE_LIMIT - 1) = 0
  end type

contains

  ! A context of one process, without MPI.
  subroutine tsnap_context_open_self(self, config, ierr)
    class(tsnap_context), intent(inout) :: self
    type(tsnap_config), optional, intent(in) :: config
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    type(c_ptr) :: handle
    handle = c_null_ptr
    status = may_open_context(self)
    if (status == TSNAP_OK) then
      status = c_tsnap_context_open_self(settings%of_config(config), handle)
      call adopt_context(self, handle, settings%held)
    end if
    call settle(status, ierr)
  end subroutine

  function may_open_context(self) result(status)
    class(tsnap_context), intent(in) :: self
    integer(c_int32_t) :: status
    status = may_open(self%handle, 'this context is open already: close it first')
  end function

  ! What was opened (or not: a null handle) becomes this context's.
  subroutine adopt_context(self, handle, held)
    class(tsnap_context), intent(inout) :: self
    type(c_ptr), intent(in) :: handle
    type(held_watcher), pointer, intent(inout) :: held
    if (.not. c_associated(handle)) call release(held)
    self%handle = handle
    self%held => held
  end subroutine

  ! Collective; before MPI_Finalize.
  subroutine tsnap_context_close(self, ierr)
    class(tsnap_context), intent(inout) :: self
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    status = c_tsnap_context_close(self%handle)
    if (.not. c_associated(self%handle)) call release(self%held)
    call settle(status, ierr)
  end subroutine

  ! Collective.
  subroutine tsnap_take(self, url, state, options, ierr)
    class(tsnap_context), intent(inout) :: self
    character(len=*), intent(in) :: url
    type(tsnap_state), intent(in) :: state
    type(tsnap_take_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    status = c_tsnap_take(self%handle, to_c(url), state_to_take(state), settings%of_take(options))
    call taken(state, status)
    call release(settings%held)
    call settle(status, ierr)
  end subroutine

  ! Collective. The state may change when this returns; how the take ended is what the request says.
  subroutine tsnap_take_async(self, url, state, request, options, ierr)
    class(tsnap_context), intent(inout) :: self
    character(len=*), intent(in) :: url
    type(tsnap_state), intent(in) :: state
    type(tsnap_request), intent(inout) :: request
    type(tsnap_take_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    status = may_open(request%handle, &
      'this request still belongs to another take: free it first, or use another one')
    if (status == TSNAP_OK) then
      status = c_tsnap_take_async(self%handle, to_c(url), state_to_take(state), &
        settings%of_take(options), request%handle)
      call taken(state, status)
      if (.not. c_associated(request%handle)) call release(settings%held)
      request%held => settings%held
    end if
    call settle(status, ierr)
  end subroutine

  ! Collective.
  subroutine tsnap_restore(self, url, state, options, ierr)
    class(tsnap_context), intent(inout) :: self
    character(len=*), intent(in) :: url
    type(tsnap_state), intent(in) :: state
    type(tsnap_restore_options), optional, intent(in) :: options
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    status = c_tsnap_restore(self%handle, to_c(url), state_to_restore(state), &
      settings%of_restore(options))
    call restored(state, status)
    call release(settings%held)
    call settle(status, ierr)
  end subroutine

  subroutine tsnap_restore_report(self, report, ierr)
    class(tsnap_context), intent(inout) :: self
    type(tsnap_report), intent(out) :: report
    integer, optional, intent(out) :: ierr
    type(c_tsnap_report) :: found
    integer(c_int32_t) :: status
    found%struct_size = c_sizeof(found)
    status = c_tsnap_restore_report(self%handle, found)
    call texts_from_c(found%missing, found%missing_count, report%missing)
    call texts_from_c(found%unexpected, found%unexpected_count, report%unexpected)
    call texts_from_c(found%mismatched, found%mismatched_count, report%mismatched)
    call texts_from_c(found%not_restored, found%not_restored_count, report%not_restored)
    call settle(status, ierr)
  end subroutine

  ! Of the last take or restore that has ended.
  subroutine tsnap_context_statistics(self, statistics, ierr)
    class(tsnap_context), intent(inout) :: self
    type(tsnap_statistics), intent(out) :: statistics
    integer, optional, intent(out) :: ierr
    type(c_tsnap_statistics) :: c
    integer(c_int32_t) :: status
    c%struct_size = c_sizeof(c)
    status = c_tsnap_context_statistics(self%handle, c)
    statistics%operation_number = c%operation_number
    statistics%operation = c%operation
    statistics%status = c%status
    statistics%plan_reused = c%plan_reused /= 0
    statistics%seconds = c%seconds
    statistics%blocked_seconds = c%blocked_seconds
    statistics%budget_wait_seconds = c%budget_wait_seconds
    statistics%rank_wait_seconds = c%rank_wait_seconds
    statistics%bytes = c%bytes
    statistics%stored_bytes = c%stored_bytes
    statistics%over_budget_bytes = c%over_budget_bytes
    statistics%peak_buffer_bytes = c%peak_buffer_bytes
    statistics%phase_seconds = c%phase_seconds(2:) ! the first one, phase 0, is unused
    statistics%phase_bytes = c%phase_bytes(2:)
    call settle(status, ierr)
  end subroutine

  ! done: has it ended, well or not? Does not wait for other ranks.
  subroutine tsnap_request_test(self, done, ierr)
    class(tsnap_request), intent(inout) :: self
    logical, intent(out) :: done
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status, ended
    ended = 0
    status = c_tsnap_request_test(self%handle, ended)
    done = ended /= 0
    call settle(status, ierr)
  end subroutine

  ! Waits, and tells how the take ended.
  subroutine tsnap_request_wait(self, ierr)
    class(tsnap_request), intent(inout) :: self
    integer, optional, intent(out) :: ierr
    call settle(c_tsnap_request_wait(self%handle), ierr)
  end subroutine

  subroutine tsnap_request_cancel(self, ierr)
    class(tsnap_request), intent(inout) :: self
    integer, optional, intent(out) :: ierr
    call settle(c_tsnap_request_cancel(self%handle), ierr)
  end subroutine

  ! Waits, tells how the take ended, and frees the request; nothing happens without one.
  subroutine tsnap_request_free(self, ierr)
    class(tsnap_request), intent(inout) :: self
    integer, optional, intent(out) :: ierr
    integer(c_int32_t) :: status
    status = c_tsnap_request_free(self%handle)
    if (.not. c_associated(self%handle)) call release(self%held)
    call settle(status, ierr)
  end subroutine

  ! Is there a take that has begun with this request, and was not freed?
  function is_pending(self) result(pending)
    class(tsnap_request), intent(in) :: self
    logical :: pending
    pending = c_associated(self%handle)
  end function

  ! For the modules beside this one.
  function context_handle(context) result(handle)
    class(tsnap_context), intent(in) :: context
    type(c_ptr) :: handle
    handle = context%handle
  end function
end module
