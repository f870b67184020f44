using Berth.Linux;
using Berth.Linux.Files;
using System.Text;

namespace Berth.Storage.Tests.Support;

/// <summary>A fresh folder on a real disk, deleted at the end whatever it holds.</summary>
internal sealed class TempFolder : IDisposable
{
    public TempFolder() => Path = Directory.CreateTempSubdirectory("berth-storage-test-").FullName;

    public string Path { get; }

    public string this[string relative] => System.IO.Path.Combine(Path, relative);

    public void Dispose()
    {
        using FileDescriptor parent = Paths.OpenFolder(System.IO.Path.GetDirectoryName(Path)!);
        FolderTree.Delete(parent, Encoding.UTF8.GetBytes(System.IO.Path.GetFileName(Path)));
    }
}
