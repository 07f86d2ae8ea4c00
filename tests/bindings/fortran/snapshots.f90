! snapshots.f90 - what is in a snapshot, and what is done with whole ones; in a folder, which is given.
program snapshots
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  use checks
  use tsnap_core
  use watchers
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  character(:), allocatable :: folder, url
  real(real64), target :: field(64, 64)
  integer(int64), target :: step
  character(len=8), target :: title

  folder = argument(2)
  url = folder // '/one'
  call fill()
  select case (chosen_case())
  case ('listing'); call listing()
  case ('extents'); call extents()
  case ('damage'); call damage()
  case ('copies'); call copies()
  case ('removal'); call removal()
  case ('garbage'); call garbage()
  case ('reading'); call reading()
  case ('handles'); call handles()
  end select
  call state%destroy()
  call context%close()
  call end_case()

contains

  subroutine fill()
    integer :: i
    call context%open_self()
    call state%create()
    call state%add('field', field, TSNAP_REPLICATED)
    call state%add('step', step, TSNAP_REPLICATED)
    call state%add('title', title, TSNAP_PRIVATE)
    field = reshape([(real(i, real64), i = 1, size(field))], shape(field))
    step = 7
    title = 'a run'
    call context%take(url, state, tsnap_take_options(metadata='taken by Fortran', codec=TSNAP_CODEC_NONE))
  end subroutine

  subroutine listing()
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    type(tsnap_object_info) :: object
    integer(int64) :: i
    character(:), allocatable :: paths
    integer :: ierr
    call snapshot%open(url)
    call snapshot%info(info)
    call check(info%metadata == 'taken by Fortran' .and. info%format == 'native 1', 'metadata, format')
    call check(info%world_size == 1 .and. info%object_count == 3, 'counts')
    call check(info%library_version == tsnap_version() .and. len(info%id) > 0, 'version and id')
    call check(info%created_unix_seconds > 1600000000_int64 .and. info%bytes >= 8 * size(field), 'time, bytes')
    paths = ''
    do i = 1, info%object_count
      call snapshot%object(i, object)
      paths = paths // object%path // ' '
    end do
    call check(paths == '0/title field step ', 'paths: ' // paths)
    call snapshot%object(2, object)
    call check(object%path == 'field' .and. object%item_bytes == 8 .and. object%box_count == 1, 'an object')
    call snapshot%object(0, object, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'object 0')
    call snapshot%object(4, object, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'past the last')
    call snapshot%find('fields', object, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'no such path')
    call snapshot%close()
    call snapshot%open_all(context, url)
    call snapshot%find('step', object)
    call check(object%type == TSNAP_OBJECT_INT64, 'opened through the context')
    call snapshot%close()
  end subroutine

  subroutine extents()
    type(tsnap_snapshot) :: snapshot
    type(tsnap_extent_info) :: extent
    integer :: ierr
    call snapshot%open(url)
    call snapshot%extent('field', 1, extent)
    call check(all(extent%box_offset == [1, 1]) .and. all(extent%box_shape == [64, 64]), 'its box')
    call check(extent%bytes == 8 * size(field) .and. extent%ndim == 2 .and. extent%writer == 0, 'its bytes')
    call check(len(extent%file) > 0 .and. extent%codec == TSNAP_CODEC_NONE, 'its file')
    call snapshot%extent('field', 2, extent, ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'past the last')
    call snapshot%extent('field', 0, extent, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'extent 0')
    call snapshot%close()
  end subroutine

  ! One byte of the field is changed where it rests.
  subroutine damage()
    type(tsnap_snapshot) :: snapshot
    type(tsnap_extent_info) :: extent
    type(tsnap_text), allocatable :: bad(:)
    integer :: unit, ierr
    real(real64) :: copy(64, 64), corner(1, 1)
    call snapshot%open(url)
    call snapshot%verify(bad)
    call check(size(bad) == 0, 'all is well')
    call snapshot%verify()
    call snapshot%extent('field', 1, extent)
    open (newunit=unit, file=url // '/' // extent%file, access='stream', form='unformatted', status='old')
    write (unit, pos=extent%offset_bytes + 9) 'X'
    close (unit)
    call snapshot%verify(bad, ierr)
    call expect_status(ierr, TSNAP_E_CORRUPT, 'a damaged byte')
    call check(size(bad) == 1, 'one bad object')
    if (size(bad) == 1) call check(bad(1)%text == 'field', 'which is the field')
    call snapshot%read('field', copy, ierr=ierr)
    call expect_status(ierr, TSNAP_E_CORRUPT, 'reading it')
    call snapshot%read('field', copy, tsnap_read_options(verify=TSNAP_OFF))
    call check(copy(1, 1) == 1 .and. copy(2, 1) /= 2, 'reading it without a look at checksums')
    call snapshot%read('field', corner, [2, 1], tsnap_read_options(verify=TSNAP_OFF))
    call check(corner(1, 1) == copy(2, 1), 'and a part of it')
    call context%restore(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_CORRUPT, 'restoring it')
    call context%restore(url, state, tsnap_restore_options(verify=TSNAP_OFF))
    call snapshot%close()
  end subroutine

  subroutine copies()
    type(tsnap_copy_result) :: result
    type(tsnap_copy_options) :: options
    type(tsnap_config) :: from, to
    type(counting_watcher), target :: watcher
    integer :: ierr
    options%verify = TSNAP_ON
    options%watcher => watcher
    to%io_concurrency = 1
    call tsnap_copy(url, folder // '/two', result, from, to, options)
    call check(result%bytes_copied > 8 * size(field) .and. result%bytes_skipped == 0, 'bytes copied')
    call check(.not. result%server_side .and. result%objects_copied > 0, 'through this process')
    call check(watcher%last_total >= result%bytes_copied, 'progress was told')
    call tsnap_copy(url, folder // '/two', result)
    call check(result%bytes_copied == 0, 'it is there already')
    call context%take(folder // '/three', state)
    call tsnap_copy(folder // '/three', folder // '/two', ierr=ierr)
    call expect_status(ierr, TSNAP_E_EXISTS, 'another one is there')
    call tsnap_copy(folder // '/none', folder // '/four', ierr=ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'nothing to copy')
    field = 0
    call context%restore(folder // '/two  ', state)
    call check(field(64, 64) == size(field), 'the copy restores')
  end subroutine

  subroutine removal()
    type(tsnap_snapshot) :: snapshot
    integer :: ierr
    call tsnap_remove(url)
    call snapshot%open(url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'it is gone')
    call tsnap_remove(url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_NOT_FOUND, 'removed twice')
    call tsnap_remove('unknown://place', tsnap_config(), ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'no such store')
  end subroutine

  ! A take that is cancelled in the background and killed leaves data; here a stray file plays its part.
  subroutine garbage()
    type(tsnap_gc_result) :: result
    type(tsnap_gc_options) :: options
    type(counting_watcher), target :: watcher
    integer :: ierr
    call tsnap_gc(url, result)
    call check(result%takes_removed == 0 .and. result%takes_kept == 0, 'nothing to remove')
    call execute_command_line('mkdir -p ' // url // '/0123456789abcdef0123456789abcdef && ' // &
      'echo {} > ' // url // '/0123456789abcdef0123456789abcdef/taking && touch -d "10 days ago" ' // &
      url // '/0123456789abcdef0123456789abcdef/taking')
    options%dry_run = TSNAP_ON
    options%watcher => watcher
    call tsnap_gc(url, result, options=options)
    call check(result%takes_removed == 1 .and. watcher%removals == 1, 'what would be removed')
    options%dry_run = TSNAP_OFF
    call tsnap_gc(url, result, options=options)
    call check(result%takes_removed == 1 .and. watcher%removals == 2, 'what is removed')
    call check(index(watcher%last_key, 'taking') > 0, 'by its name: ' // watcher%last_key)
    call tsnap_gc(url, result)
    call check(result%takes_removed == 0, 'it is gone')
    options%min_age_seconds = -1
    call tsnap_gc(url, result, options=options, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a negative age')
    call context%restore(url, state)
  end subroutine

  subroutine reading()
    type(tsnap_snapshot) :: snapshot
    type(tsnap_read_options) :: options
    type(counting_watcher), target :: watcher
    real(real64) :: part(2, 3), wrong(3, 3, 3), all_of_it(64, 64)
    integer(int32) :: integers(64, 64)
    integer :: ierr
    call snapshot%open(url)
    call snapshot%set_progress(watcher)
    call snapshot%read('field', all_of_it)
    call check(all(all_of_it == field) .and. watcher%last_total > 0, 'the whole, with progress')
    call snapshot%set_progress()
    watcher%last_total = 0
    call snapshot%read('field', part, [10, 20])
    call check(all(part == field(10:11, 20:22)) .and. watcher%last_total == 0, 'a part, without')
    call snapshot%read('field', part, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'another shape without an offset')
    call expect_message('its shape is (64,64) and the variable''s (2,3)')
    call snapshot%read('field', part, [64, 1], ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a part that ends outside')
    call snapshot%read('field', part, [0, 1], ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'offset 0')
    call snapshot%read('field', part, [1], ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'an offset of another rank')
    call snapshot%read('field', wrong, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'another rank')
    call snapshot%read('field', integers, ierr=ierr)
    call expect_status(ierr, TSNAP_E_MISMATCH, 'another type')
    options%memory_budget_bytes = 1
    call snapshot%read('field', all_of_it, options, ierr)
    call expect_status(ierr, TSNAP_E_NO_MEMORY, 'a budget of a byte')
    call snapshot%close()
  end subroutine

  ! Handles that lead nowhere, or somewhere already.
  subroutine handles()
    type(tsnap_snapshot) :: snapshot
    type(tsnap_snapshot_info) :: info
    type(tsnap_context) :: closed
    type(tsnap_request) :: request
    integer :: ierr
    logical :: done
    call snapshot%info(info, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a snapshot that is not open')
    call snapshot%open(url)
    call snapshot%open(url, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'opened twice')
    call expect_message('this snapshot is open already')
    call snapshot%close()
    call snapshot%close()
    call closed%take(url, state, ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a context that is not open')
    call context%open_self(ierr=ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a context opened twice')
    call expect_message('close it first')
    call closed%close()
    call request%test(done, ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a request that is none')
    call request%free()
    call closed%open_self(tsnap_config(io_concurrency=-1), ierr)
    call expect_status(ierr, TSNAP_E_INVALID, 'a setting out of range')
  end subroutine
end program
