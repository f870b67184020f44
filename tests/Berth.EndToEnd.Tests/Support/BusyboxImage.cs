using System.Diagnostics;
using System.Formats.Tar;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A root file system of busybox alone, as a tar archive made here.</summary>
internal static class BusyboxImage
{
    /// <summary>The archive; made once.</summary>
    public static byte[] Tar { get; } = Make();

    private static byte[] Make()
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach (string folder in (string[])["bin", "dev", "etc", "home", "proc", "root", "sys", "var"])
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, folder + "/") { Mode = (UnixFileMode)0b111_101_101 });
            }

            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "tmp/") { Mode = (UnixFileMode)0b001_111_111_111 });
            WriteFile(writer, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"u8.ToArray(), 0b110_100_100);
            WriteFile(writer, "etc/group", "root:x:0:\ndaemon:x:1:\nstaff:x:50:nobody\nnobody:x:65534:\n"u8.ToArray(), 0b110_100_100);
            WriteFile(writer, "bin/busybox", File.ReadAllBytes(Binaries.Busybox), 0b111_101_101);
            foreach (string applet in Applets())
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "bin/" + applet) { LinkName = "busybox" });
            }
        }

        return result.ToArray();
    }

    private static void WriteFile(TarWriter writer, string name, byte[] content, int mode) =>
        writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)mode, DataStream = new MemoryStream(content) });

    private static IEnumerable<string> Applets()
    {
        using Process busybox = Process.Start(new ProcessStartInfo(Binaries.Busybox, ["--list"]) { UseShellExecute = false, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8 })
            ?? throw new InvalidOperationException("busybox did not start");
        string list = busybox.StandardOutput.ReadToEnd();
        busybox.WaitForExit();
        return list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static name => name != "busybox");
    }
}
