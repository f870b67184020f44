using System.Text;
using Berth.Linux;
using Berth.Linux.Pipes;

namespace Berth.Network.Files;

/// <summary>Files of the host that are bound into a container one by one: a new file in their place would not be seen there, so they are written where they are.</summary>
public static class ContainerFile
{
    // A container may write into its files what it likes.
    private const int MaxBytes = 1 << 20;

    /// <summary>The text of /etc/hostname.</summary>
    public static string Hostname(string hostname) => hostname + "\n";

    /// <summary>The file's text.</summary>
    /// <exception cref="LinuxException">It cannot be read, or has more than 1 MiB (EFBIG).</exception>
    public static string Read(string path) => Encoding.UTF8.GetString(PlainFile.ReadAll(path, MaxBytes));

    /// <summary>
    /// Replaces the content, mode 0644 when the file is new; the inode stays. A reader at that very moment may see the new text with an end of the old one. Not synced: it is written anew at each start.
    /// </summary>
    /// <exception cref="LinuxException">It cannot be written.</exception>
    public static void Write(string path, string text)
    {
        byte[] content = Encoding.UTF8.GetBytes(text);
        using FileDescriptor file = PlainFile.OpenReadWrite(path, Convert.ToUInt32("644", 8));
        PlainFile.WriteAt(file, content, 0);
        PlainFile.SetSize(file, content.Length);
    }
}
