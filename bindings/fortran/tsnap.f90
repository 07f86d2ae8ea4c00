! tsnap.f90 - snapshots (checkpoints) of MPI programs: module tsnap is all that a program uses.
!
! It adds to tsnap_core what opens a context of a communicator, of mpi_f08 or of mpi (or mpif.h).
module tsnap
  use, intrinsic :: iso_c_binding, only: c_int, c_int32_t, c_ptr, c_null_ptr
  use mpi_f08, only: MPI_Comm
  use tsnap_core
  use tsnap_contexts, only: adopt_context, may_open_context
  use tsnap_messages, only: settle
  use tsnap_settings, only: c_settings
  implicit none
  private :: c_int, c_int32_t, c_ptr, c_null_ptr, MPI_Comm, adopt_context, may_open_context, settle
  private :: c_settings, open_of_f08, open_of_integer

  ! Collective over the communicator; opened before MPI_Finalize, and closed.
  interface tsnap_context_open
    module procedure open_of_f08, open_of_integer
  end interface

  interface
    function c_tsnap_context_open_f(comm, config, out) bind(C, name="tsnap_context_open_f") &
        result(status)
      import
      integer(c_int), intent(in) :: comm
      type(c_ptr), value :: config
      type(c_ptr), intent(inout) :: out
      integer(c_int32_t) :: status
    end function
  end interface
  private :: c_tsnap_context_open_f

contains

  subroutine open_of_f08(context, comm, config, ierr)
    type(tsnap_context), intent(inout) :: context
    type(MPI_Comm), intent(in) :: comm
    type(tsnap_config), optional, intent(in) :: config
    integer, optional, intent(out) :: ierr
    call open_of_integer(context, comm%MPI_VAL, config, ierr)
  end subroutine

  subroutine open_of_integer(context, comm, config, ierr)
    type(tsnap_context), intent(inout) :: context
    integer, intent(in) :: comm
    type(tsnap_config), optional, intent(in) :: config
    integer, optional, intent(out) :: ierr
    type(c_settings), target :: settings
    integer(c_int32_t) :: status
    type(c_ptr) :: handle
    handle = c_null_ptr
    status = may_open_context(context)
    if (status == TSNAP_OK) then
      status = c_tsnap_context_open_f(int(comm, c_int), settings%of_config(config), handle)
      call adopt_context(context, handle, settings%held)
    end if
    call settle(status, ierr)
  end subroutine
end module
