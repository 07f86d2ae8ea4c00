! tsnap_messages.f90 - how calls end: a status in ierr, or a program that stops with the message.
!
! And texts on their way between the two languages: trimmed and ended with a NUL on the way to C.
module tsnap_messages
  use, intrinsic :: iso_fortran_env, only: error_unit
  use tsnap_constants
  use tsnap_interface
  implicit none
  private
  public :: tsnap_text, tsnap_error_message, tsnap_status_name, tsnap_phase_name, tsnap_version
  public :: settle, may_open, check_version, to_c, from_c, texts_from_c, kept_text, keep

  ! One of a list of texts: they have lengths of their own.
  type :: tsnap_text
    character(:), allocatable :: text
  end type

  ! A text that C code reads while this lives; a target.
  type :: kept_text
    character(kind=c_char), allocatable :: characters(:)
  end type

  interface
    function strlen(text) bind(C) result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface

contains

  ! Every call of the binding that can fail ends here.
  subroutine settle(status, ierr)
    integer(c_int32_t), intent(in) :: status
    integer, optional, intent(out) :: ierr
    call tsnap_fortran_settle(status)
    if (present(ierr)) then
      ierr = status
    else if (status /= TSNAP_OK) then
      write (error_unit, '(4a)') 'tsnap: ', tsnap_status_name(status), ': ', tsnap_error_message()
      flush (error_unit)
      call tsnap_fortran_before_stop()
      error stop 1, quiet=.true.
    end if
  end subroutine

  ! Before a call that needs no handle, and so may be the first: is this the library that we know?
  function check_version() result(status)
    integer(c_int32_t) :: status
    status = tsnap_fortran_check_version()
  end function

  ! Before `handle` is set: what it led to would be lost.
  function may_open(handle, what) result(status)
    type(c_ptr), intent(in) :: handle
    character(len=*), intent(in) :: what
    integer(c_int32_t) :: status
    status = check_version()
    if (status == TSNAP_OK .and. c_associated(handle)) &
      status = tsnap_fortran_fail_with(TSNAP_E_INVALID, to_c(what))
  end function

  ! The message of the last call that failed in this thread; '' when none has.
  function tsnap_error_message() result(text)
    character(:), allocatable :: text
    text = from_c(tsnap_fortran_last_error())
  end function

  ! 'TSNAP_E_NOT_FOUND' for TSNAP_E_NOT_FOUND.
  function tsnap_status_name(status) result(text)
    integer, intent(in) :: status
    character(:), allocatable :: text
    text = from_c(c_tsnap_status_name(int(status, c_int32_t)))
  end function

  ! 'stage' for TSNAP_PHASE_STAGE.
  function tsnap_phase_name(phase) result(text)
    integer, intent(in) :: phase
    character(:), allocatable :: text
    text = from_c(c_tsnap_phase_name(int(phase, c_int32_t)))
  end function

  ! The version of the library that is loaded.
  function tsnap_version() result(text)
    character(:), allocatable :: text
    text = from_c(c_tsnap_version())
  end function

  function to_c(text) result(ended)
    character(len=*), intent(in) :: text
    character(kind=c_char, len=:), allocatable :: ended
    ended = trim(text) // c_null_char
  end function

  function from_c(text) result(copy)
    type(c_ptr), intent(in) :: text
    character(:), allocatable :: copy
    character(kind=c_char), pointer :: characters(:)
    integer :: i
    if (.not. c_associated(text)) then
      copy = ''
      return
    end if
    call c_f_pointer(text, characters, [strlen(text)])
    allocate (character(len=size(characters)) :: copy)
    do i = 1, size(characters)
      copy(i:i) = characters(i)
    end do
  end function

  subroutine texts_from_c(list, count, texts)
    type(c_ptr), intent(in) :: list
    integer(c_int64_t), intent(in) :: count
    type(tsnap_text), allocatable, intent(out) :: texts(:)
    type(c_ptr), pointer :: pointers(:)
    integer(c_int64_t) :: i
    allocate (texts(count))
    if (count == 0) return
    call c_f_pointer(list, pointers, [count])
    do i = 1, count
      texts(i)%text = from_c(pointers(i))
    end do
  end subroutine

  ! Where C finds the text while `kept` lives; NULL for one that is not allocated.
  function keep(text, kept) result(at)
    character(:), allocatable, intent(in) :: text
    type(kept_text), target, intent(inout) :: kept
    type(c_ptr) :: at
    integer :: i, length
    at = c_null_ptr
    if (.not. allocated(text)) return
    length = len_trim(text)
    allocate (kept%characters(length + 1))
    do i = 1, length
      kept%characters(i) = text(i:i)
    end do
    kept%characters(length + 1) = c_null_char
    at = c_loc(kept%characters)
  end function
end module
