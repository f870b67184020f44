using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>
/// Folders of a layer by path, every one resolved by the kernel beneath the layer's root: symbolic links inside the layer work, a path that
/// would leave it fails. Keeps the last one open, as archives come folder by folder.
/// </summary>
internal sealed class LayerFolders(FileDescriptor root) : IDisposable
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_MAGICLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private byte[]? cachedPath;
    private FileDescriptor? cached;

    private static ulong Flags => OpenFlags.O_PATH | OpenFlags.O_DIRECTORY;

    /// <summary>The folder <paramref name="path"/>; missing ones are made, mode 0755, owned by root. It stays open until the next call.</summary>
    public FileDescriptor OpenOrMake(ReadOnlySpan<byte> path) => Take(path, make: true)!;

    /// <summary>The folder <paramref name="path"/>, or null when there is none. It stays open until the next call.</summary>
    public FileDescriptor? TryOpen(ReadOnlySpan<byte> path) => Take(path, make: false);

    /// <summary>Opens without keeping: for a second folder beside the kept one. Null when there is none.</summary>
    public FileDescriptor? OpenSecond(ReadOnlySpan<byte> path) => Open(path);

    /// <summary>To be called after any entry was removed: paths may lead elsewhere now.</summary>
    public void Forget()
    {
        cached?.Dispose();
        cached = null;
        cachedPath = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Forget();

    private FileDescriptor? Take(ReadOnlySpan<byte> path, bool make)
    {
        if (path.IsEmpty)
        {
            return root;
        }

        if (cached is not null && path.SequenceEqual(cachedPath))
        {
            return cached;
        }

        FileDescriptor? opened = Open(path);
        if (opened is null && make)
        {
            opened = Make(path);
        }

        Forget();
        if (opened is not null)
        {
            cached = opened;
            cachedPath = path.ToArray();
        }

        return opened;
    }

    private FileDescriptor? Open(ReadOnlySpan<byte> path)
    {
        try
        {
            return Paths.Open(root, path.IsEmpty ? "."u8 : path, Flags, 0, Confined);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        catch (LinuxException e) when (e.Errno is Errno.EXDEV or Errno.ELOOP)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"archive entry is refused: its folder \"{NativePath.Show(path)}\" leads outside the layer through a symbolic link", e);
        }
    }

    private FileDescriptor Make(ReadOnlySpan<byte> path)
    {
        FileDescriptor folder = Open(default)!;
        try
        {
            for (int end = 0; end < path.Length;)
            {
                int slash = path[(end + 1)..].IndexOf((byte)'/');
                end = slash < 0 ? path.Length : end + 1 + slash;
                FileDescriptor? next = Open(path[..end]);
                if (next is null)
                {
                    MakeOne(folder, LayerPath.Name(path[..end]), path);
                    next = Open(path[..end])!;
                }

                folder.Dispose();
                folder = next;
            }

            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    private static void MakeOne(FileDescriptor folder, ReadOnlySpan<byte> name, ReadOnlySpan<byte> path)
    {
        bool wasWhiteout = false;
        if (FileStatusCalls.TryStat(folder, name, out FileStatus status))
        {
            wasWhiteout = Whiteouts.IsMark(status);
            if (!wasWhiteout)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"archive entry is refused: \"{NativePath.Show(path)}\" lies below \"{NativePath.Show(name)}\", which is not a folder");
            }

            Paths.Unlink(folder, name);
        }

        Paths.MakeFolder(folder, name, 0x1ED);
        FileAttributeCalls.SetMode(folder, name, 0x1ED);
        if (wasWhiteout)
        {
            Whiteouts.SetOpaque(folder, name);
        }
    }
}
