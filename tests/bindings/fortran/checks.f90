! checks.f90 - what the test programs share: checks that count, and the case that is asked for.
!
! A program is started with the name of a case; it ends with 1 when a check of it has failed.
module checks
  use, intrinsic :: iso_fortran_env, only: error_unit
  use tsnap_core, only: tsnap_error_message, tsnap_status_name
  implicit none
  private
  public :: check, expect_status, expect_message, chosen_case, argument, end_case
  integer :: made = 0, failed = 0

contains

  function argument(number) result(text)
    integer, intent(in) :: number
    character(:), allocatable :: text
    integer :: length
    call get_command_argument(number, length=length)
    allocate (character(len=length) :: text)
    call get_command_argument(number, text)
  end function

  function chosen_case() result(name)
    character(:), allocatable :: name
    name = argument(1)
  end function

  subroutine check(holds, what)
    logical, intent(in) :: holds
    character(len=*), intent(in) :: what
    made = made + 1
    if (holds) return
    failed = failed + 1
    write (error_unit, '(2a)') 'FAILED: ', what
  end subroutine

  subroutine expect_status(status, expected, what)
    integer, intent(in) :: status, expected
    character(len=*), intent(in) :: what
    call check(status == expected, what // ': ' // tsnap_status_name(status) // ' instead of ' // &
      tsnap_status_name(expected) // ' (' // tsnap_error_message() // ')')
  end subroutine

  ! The message of the call that has just failed has this text in it.
  subroutine expect_message(part)
    character(len=*), intent(in) :: part
    call check(index(tsnap_error_message(), part) > 0, &
      'the message "' // tsnap_error_message() // '" has not "' // part // '"')
  end subroutine

  subroutine end_case()
    if (made == 0) then
      write (error_unit, '(3a)') 'no case "', chosen_case(), '"'
      error stop 2
    end if
    write (*, '(i0, a, i0, a)') made, ' checks, ', failed, ' failed'
    if (failed > 0) stop 1
  end subroutine
end module
