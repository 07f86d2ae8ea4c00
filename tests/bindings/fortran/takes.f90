! takes.f90 - options, takes in the background, what is watched, and the codes that calls return.
module meddling
  use, intrinsic :: iso_fortran_env, only: int64
  use tsnap_core
  implicit none

  ! Makes a call on what it is called from.
  type, extends(tsnap_stateful) :: busy_part
    type(tsnap_context), pointer :: context => null()
    integer :: code = 0
    integer(int64) :: x = 0
  contains
    procedure :: describe => describe_busily
  end type

  ! Takes away what marks a take that is going on, so that it fails in the background.
  type, extends(tsnap_watcher) :: wrecker
    character(:), allocatable :: url
  contains
    procedure :: progress => wreck
  end type

contains

  subroutine wreck(self, staged_bytes, done_bytes, total_bytes)
    class(wrecker), intent(inout) :: self
    integer(int64), intent(in) :: staged_bytes, done_bytes, total_bytes
    if (min(staged_bytes, done_bytes) == total_bytes) &
      call execute_command_line('rm -f ' // self%url // '/*/taking')
  end subroutine

  subroutine describe_busily(self, child, ierr)
    class(busy_part), target, intent(inout) :: self
    type(tsnap_state), intent(inout) :: child
    integer, intent(out) :: ierr
    call self%context%close(self%code)
    call child%add('x', self%x, TSNAP_PRIVATE, ierr)
  end subroutine
end module

program takes
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use checks
  use meddling
  use tsnap_core
  use watchers
  implicit none
  type(tsnap_context), target :: context
  type(tsnap_state) :: state
  character(:), allocatable :: folder, url
  real(real64), target :: field(100, 100)
  integer(int64), target :: step
  integer :: ierr

  folder = argument(2)
  url = folder // '/one'
  if (chosen_case() /= 'version') call register()
  select case (chosen_case())
  case ('options'); call all_options()
  case ('background'); call background()
  case ('cancelled'); call cancelled()
  case ('watched'); call watched()
  case ('codes'); call codes()
  case ('names'); call names()
  case ('procedures'); call by_procedures()
  case ('unreachable_storage'); call unreachable_storage()
  case ('stops'); call stops()
  case ('version'); call version()
  end select
  call end_case()

contains

  subroutine register()
    call state%create()
    call state%add('field', field, TSNAP_REPLICATED)
    call state%add('step', step, TSNAP_REPLICATED)
    field = 1
    step = 1
  end subroutine

  subroutine all_options()
    type(tsnap_take_options) :: options
    type(tsnap_config) :: config
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    type(tsnap_extent_info) :: extent
    logical :: is_there
    config%memory_budget_bytes = 64 * 2_int64**20
    config%io_concurrency = 2
    config%staging_threads = 1
    config%collective_timeout_seconds = 60
    config%io_timeout_seconds = 60
    config%direct_io = TSNAP_OFF
    config%staging_prefault_bytes = 2_int64**20
    config%trace = folder // '/trace.json  '
    config%ca_file = folder // '/none.pem'
    call context%open_self(config)
    options%overwrite = TSNAP_ON
    options%codec = TSNAP_CODEC_LZ4
    options%verify_replicated = TSNAP_REPLICATED_CHECK_CONTENT
    options%sync = TSNAP_OFF
    options%chunk_bytes = 2_int64**20
    options%slab_bytes = 2_int64**22
    options%metadata = '{"units": "SI"}'
    options%device_staging = 7
    call context%take(url, state, options, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a switch that is neither on nor off')
    options%device_staging = TSNAP_OFF
    call context%take(url, state, options, ierr)
    if (ierr == TSNAP_E_UNSUPPORTED) then ! built without LZ4
      options%codec = TSNAP_CODEC_NONE
      call context%take(url, state, options)
    else
      call expect_status(ierr, TSNAP_OK, 'a take with all options')
    end if
    call context%take(url, state, options)
    call snapshot%open(url)
    call snapshot%info(info)
    call check(info%metadata == '{"units": "SI"}', 'metadata')
    call snapshot%extent('field', 1, extent)
    call check(extent%codec == options%codec, 'the codec')
    call snapshot%close()
    call context%close()
    inquire (file=folder // '/trace.json', exist=is_there)
    call check(is_there, 'the trace')
  end subroutine

  ! The state changes while the take is pending; what is stored is what it was at the call.
  subroutine background()
    type(tsnap_request) :: request
    type(tsnap_take_options) :: options
    type(counting_watcher), target :: watcher
    logical :: done
    call context%open_self()
    call request%free()
    options%watcher => watcher
    options%device_staging = TSNAP_ON ! of no consequence for arrays of the host
    call context%take_async(url, state, request, options)
    field = 2
    step = 2
    call check(request%is_pending(), 'pending')
    call context%take_async(folder // '/two', state, request, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a request that is in use')
    call expect_message('free it first')
    do
      call request%test(done)
      if (done) exit
    end do
    call request%wait()
    call request%wait()
    call request%free()
    call check(.not. request%is_pending(), 'freed')
    call check(watcher%last_done == watcher%last_total .and. watcher%last_total >= 8 * size(field), 'progress')
    call context%take_async(url, state, request, ierr=ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'a place that is taken')
    call check(.not. request%is_pending(), 'no request then')
    call context%take_async(folder // '/two', state, request)
    field = 3
    call request%free()
    call context%restore(url, state)
    call check(all(field == 1) .and. step == 1, 'what was there at the first call')
    call context%restore(folder // '/two', state)
    call check(all(field == 2) .and. step == 2, 'and at the second')
    call context%close()
  end subroutine

  ! Cancelled at once, a take is either cancelled or committed: which one, the request and the place agree.
  subroutine cancelled()
    type(tsnap_request) :: request
    type(tsnap_snapshot) :: snapshot
    integer :: attempt, ended, cancelled_once
    call context%open_self()
    cancelled_once = 0
    do attempt = 1, 20
      call context%take_async(folder // '/cancelled', state, request, tsnap_take_options(overwrite=TSNAP_ON))
      call request%cancel(ierr)
      call expect_status(ierr, TSNAP_OK, 'cancelling')
      call request%free(ended)
      if (ended /= TSNAP_E_CANCELLED) then
        call expect_status(ended, TSNAP_OK, 'not cancelled')
        call tsnap_remove(folder // '/cancelled')
        cycle
      end if
      cancelled_once = cancelled_once + 1
      call snapshot%open(folder // '/cancelled', ierr=ierr)
      call expect_status(ierr, TSNAP_E_NOT_FOUND, 'nothing was committed')
    end do
    call check(cancelled_once > 0, 'at least one of 20 was cancelled')
    call context%close()
  end subroutine

  subroutine watched()
    type(tsnap_config) :: config
    type(tsnap_take_options) :: options
    type(tsnap_restore_options) :: restore_options
    type(counting_watcher), target :: watcher, progress
    type(wrecker), target :: wrecking
    type(tsnap_request) :: request
    type(tsnap_statistics) :: statistics
    config%log_level = TSNAP_LOG_DEBUG
    config%watcher => watcher
    options%watcher => progress
    restore_options%watcher => progress
    call context%open_self(config)
    call context%statistics(statistics)
    call check(statistics%operation_number == 0, 'no operation yet')
    call context%take(url, state, options)
    call check(watcher%begins == watcher%ends .and. watcher%ends > 5, 'events come in pairs')
    call check(watcher%last_status == TSNAP_OK .and. watcher%operation == TSNAP_OPERATION_TAKE, 'of a take')
    call context%statistics(statistics)
    call check(statistics%operation_number == 1 .and. statistics%operation == TSNAP_OPERATION_TAKE, 'one take')
    call check(statistics%bytes == 8 * size(field) + 8 .and. statistics%status == TSNAP_OK, 'its bytes')
    call check(statistics%seconds > 0 .and. statistics%stored_bytes > 0, 'its time')
    call check(statistics%phase_bytes(TSNAP_PHASE_DESCRIBE) == statistics%bytes, 'its phases, by number')
    call context%take(url, state, options, ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'again')
    call check(watcher%last_status == TSNAP_E_EXISTS, 'the event says how it ended')
    call context%restore(url, state, restore_options)
    call check(watcher%operation == TSNAP_OPERATION_RESTORE, 'of a restore')
    call context%take(folder // '/two', state)
    call context%statistics(statistics)
    call check(statistics%plan_reused, 'the plan is used again')
    call context%close()

    ! A take that fails in the background while nobody waits for it is told to the log.
    wrecking%url = folder // '/three'
    options%watcher => wrecking
    call context%open_self(config)
    call context%take_async(wrecking%url, state, request, options)
    call context%close()
    call check(watcher%log_lines == 1, 'one line in the log')
    call check(index(watcher%last_line, 'has failed') > 0, 'which is: ' // watcher%last_line)
    call request%free(ierr)
    call check(ierr /= TSNAP_OK, 'the request says so too')
  end subroutine

  subroutine codes()
    type(busy_part), target :: part
    integer, target :: other(3)
    type(tsnap_state) :: second
    call context%open_self()
    call context%take(url, state)
    call context%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'a place that is taken')
    call expect_message(url)
    call context%take('', state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'no place')
    call context%restore(folder // '/none', state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'no snapshot')
    call context%take(folder // '/two', state, tsnap_take_options(codec=TSNAP_CODEC_DEFLATE), ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'deflate in a folder')
    call execute_command_line('touch ' // folder // '/file')
    call context%take(folder // '/file/below', state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_IO, 'a place below a file')
    call second%create()
    call second%add('field', other, TSNAP_REPLICATED)
    call context%restore(url, second, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'another type and shape')
    call second%destroy()
    call second%create()
    part%context => context
    call second%add_stateful('part', part)
    call context%take(folder // '/busy', second, ierr=ierr)
    call expect_status(ierr, TSNAP_OK, 'the take of a part that meddles')
    call expect_status(part%code, TSNAP_E_BUSY, 'closing a context from inside its own call')
    call second%destroy()
    call context%close()
  end subroutine

  ! Each code has its name, so that whoever prints one sees what the header says.
  subroutine names()
    call name(TSNAP_OK, 'TSNAP_OK')
    call name(TSNAP_E_INVALID, 'TSNAP_E_INVALID')
    call name(TSNAP_E_NO_MEMORY, 'TSNAP_E_NO_MEMORY')
    call name(TSNAP_E_NOT_FOUND, 'TSNAP_E_NOT_FOUND')
    call name(TSNAP_E_EXISTS, 'TSNAP_E_EXISTS')
    call name(TSNAP_E_IO, 'TSNAP_E_IO')
    call name(TSNAP_E_NO_SPACE, 'TSNAP_E_NO_SPACE')
    call name(TSNAP_E_CORRUPT, 'TSNAP_E_CORRUPT')
    call name(TSNAP_E_MISMATCH, 'TSNAP_E_MISMATCH')
    call name(TSNAP_E_UNSUPPORTED, 'TSNAP_E_UNSUPPORTED')
    call name(TSNAP_E_AUTH, 'TSNAP_E_AUTH')
    call name(TSNAP_E_NETWORK, 'TSNAP_E_NETWORK')
    call name(TSNAP_E_TIMEOUT, 'TSNAP_E_TIMEOUT')
    call name(TSNAP_E_CANCELLED, 'TSNAP_E_CANCELLED')
    call name(TSNAP_E_CALLBACK, 'TSNAP_E_CALLBACK')
    call name(TSNAP_E_DEVICE, 'TSNAP_E_DEVICE')
    call name(TSNAP_E_MPI, 'TSNAP_E_MPI')
    call name(TSNAP_E_BUSY, 'TSNAP_E_BUSY')
    call name(TSNAP_E_INTERNAL, 'TSNAP_E_INTERNAL')
    call check(tsnap_phase_name(TSNAP_PHASE_STAGE) == 'stage', 'the name of a phase')
    call check(tsnap_phase_name(999) == 'unknown', 'of none')
  end subroutine

  subroutine name(code, text)
    integer, intent(in) :: code
    character(len=*), intent(in) :: text
    call check(tsnap_status_name(code) == text, text)
  end subroutine

  ! Everything is there as a procedure as well, under its name in C.
  subroutine by_procedures()
    type(tsnap_state) :: own
    type(tsnap_request) :: request
    type(tsnap_report) :: report
    type(tsnap_statistics) :: statistics
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    type(tsnap_object_info) :: object
    real(real64) :: corner(2, 2)
    logical :: done
    call tsnap_context_open_self(context)
    call tsnap_state_create(own)
    call tsnap_state_add(own, 'step', step, TSNAP_REPLICATED)
    call tsnap_state_add_sharded(own, 'field', field(:, :50), [100, 100], [1, 1])
    call tsnap_state_remove(own, 'field')
    call tsnap_state_add_boxes(own, 'field', [100, 100], &
      [tsnap_box(field(:, :50), [1, 1]), tsnap_box(field(:, 51:), [1, 51])])
    call tsnap_state_set_attribute(own, 'field', 'units', 'K')
    call tsnap_state_add_rng(own, 'random')
    call tsnap_take(context, url, own)
    call tsnap_take_async(context, folder // '/two', own, request)
    call tsnap_request_test(request, done)
    call tsnap_request_wait(request)
    call tsnap_request_free(request)
    call tsnap_restore(context, url, own)
    call tsnap_restore_report(context, report)
    call tsnap_context_statistics(context, statistics)
    call check(size(report%missing) == 0 .and. statistics%operation == TSNAP_OPERATION_RESTORE, 'report')
    call tsnap_snapshot_open(snapshot, url)
    call tsnap_snapshot_info_get(snapshot, info)
    call tsnap_snapshot_object(snapshot, 2, object)
    call check(object%path == 'field' .and. info%object_count == 3, 'the second object')
    call tsnap_snapshot_find(snapshot, 'step', object)
    corner = 0
    call tsnap_read(snapshot, 'field', corner, [99, 99])
    call check(all(corner == 1), 'a corner')
    call tsnap_snapshot_verify(snapshot)
    call tsnap_snapshot_close(snapshot)
    call tsnap_state_destroy(own)
    call tsnap_context_close(context)
  end subroutine

  ! A port where nobody listens.
  subroutine unreachable_storage()
    type(tsnap_config) :: config
    type(tsnap_snapshot) :: snapshot
    config%s3_endpoint = 'http://127.0.0.1:1'
    config%s3_region = 'here'
    config%s3_access_key = 'key'
    config%s3_secret_key = 'secret'
    config%s3_session_token = 'token'
    config%io_timeout_seconds = 1
    call snapshot%open('s3://bucket/run', config, ierr)
    if (index(tsnap_error_message(), 'not built in') > 0) then
      call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'built without object stores')
    else
      call check(ierr == TSNAP_E_NETWORK .or. ierr == TSNAP_E_TIMEOUT, 'nobody listens: ' // tsnap_status_name(ierr))
      call expect_message('127.0.0.1:1')
    end if
  end subroutine

  ! Without ierr, a failure ends the program: what follows is never reached.
  subroutine stops()
    call context%open_self()
    call context%restore(folder // '/none', state)
    write (*, '(a)') 'still running'
    stop 0
  end subroutine

  ! A libtsnap of another version is found out by the first call (other_version.c).
  subroutine version()
    type(tsnap_snapshot) :: snapshot
    call context%open_self(ierr=ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'opening a context')
    call expect_message('was built for tsnap')
    call expect_message('runs with libtsnap ' // tsnap_version())
    call state%create(ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'creating a state')
    call snapshot%open(url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'opening a snapshot')
    call tsnap_remove(url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'removing one')
    call tsnap_copy(url, url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_UNSUPPORTED, 'copying one')
  end subroutine
end program
