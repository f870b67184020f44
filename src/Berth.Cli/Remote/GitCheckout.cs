using System.Text;
using Berth.Cli.Archives;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Cli.Remote;

/// <summary>A git repository as a build's context: <c>ADDRESS[#[REF][:FOLDER]]</c>.</summary>
/// <param name="Remote">What git fetches from.</param>
/// <param name="Ref">A branch, tag or commit; empty for the repository's own choice.</param>
/// <param name="Folder">A folder in it; empty for the whole.</param>
internal sealed record GitAddress(string Remote, string Ref, string Folder)
{
    /// <summary>Reads an address; null for one that does not mean a repository, by docker's rules.</summary>
    /// <exception cref="CommandFailedException">The ref could not be one.</exception>
    public static GitAddress? TryParse(string text)
    {
        int hash = text.IndexOf('#', StringComparison.Ordinal);
        string remote = hash < 0 ? text : text[..hash];
        bool isWeb = WebFile.IsAddress(text);
        if (isWeb ? !remote.EndsWith(".git", StringComparison.Ordinal) : !Array.Exists(["git://", "git@", "github.com/", "ssh://"], start => text.StartsWith(start, StringComparison.Ordinal)))
            return null;

        string[] rest = (hash < 0 ? "" : text[(hash + 1)..]).Split(':', 2);
        if (rest[0].StartsWith('-'))
            throw ContextFolder.Failed($"unable to 'git clone' to temporary context directory: invalid refspec: {rest[0]}");

        return new GitAddress(text.StartsWith("github.com/", StringComparison.Ordinal) ? "https://" + remote : remote, rest[0], rest.Length > 1 ? rest[1] : "");
    }
}

/// <summary>A repository's files in a folder of their own, which goes with this object. The host's <c>git</c> fetches them.</summary>
internal sealed class GitCheckout : IDisposable
{
    private const int MostOfOutput = 64 << 10;
    private readonly string root;

    private GitCheckout(string root) => (this.root, Folder) = (root, root);

    /// <summary>The files that were asked for.</summary>
    public string Folder { get; private set; }

    /// <summary>Fetches and checks out; submodules as well.</summary>
    /// <exception cref="CommandFailedException">There is no git, or it fails.</exception>
    public static GitCheckout Make(GitAddress address)
    {
        var checkout = new GitCheckout(Directory.CreateTempSubdirectory("berth-build-git").FullName);
        try
        {
            checkout.Fetch(address);
            return checkout;
        }
        catch
        {
            checkout.Dispose();
            throw;
        }
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    private void Fetch(GitAddress address)
    {
        string wanted = address.Ref.Length == 0 ? "HEAD" : address.Ref;
        Git("failed to init repo", "init", "-q");
        Git("failed to add origin", "remote", "add", "origin", address.Remote);

        // Not every server gives a single commit, or a part of the history.
        if (TryGit(out _, "fetch", "-q", "--depth", "1", "origin", "--", wanted))
        {
            Git("error checking out " + wanted, "checkout", "-q", "FETCH_HEAD");
        }
        else
        {
            Git("error fetching", "fetch", "-q", "--tags", "origin", "--", "+refs/heads/*:refs/remotes/origin/*");
            _ = TryGit(out _, "remote", "set-head", "origin", "--auto");
            if (!TryGit(out _, "checkout", "-q", "--detach", "origin/" + wanted))
                Git("error checking out " + wanted, "checkout", "-q", "--detach", wanted);
        }

        Git("error initializing submodules", "submodule", "update", "--init", "--recursive", "--depth=1", "-q");
        if (address.Folder.Length > 0)
            Folder = FolderIn(address.Folder);
    }

    private string FolderIn(string path)
    {
        ContextFolder found = ContextFolder.Resolve(root + "/" + GoPath.Clean("/" + path), null, root);
        string inside = ContextFolder.Resolve(root, null, root).Folder;
        return found.Folder == inside || found.Folder.StartsWith(inside + "/", StringComparison.Ordinal)
            ? found.Folder
            : throw ContextFolder.Failed($"error setting git context, \"{path}\" not within git root");
    }

    private void Git(string what, params string[] arguments)
    {
        if (!TryGit(out string output, arguments))
            throw ContextFolder.Failed($"unable to 'git clone' to temporary context directory: {what}: {output}");
    }

    // A repository may name others, on this machine too: those are not followed.
    private bool TryGit(out string output, params string[] arguments)
    {
        try
        {
            using FileDescriptor nothing = Linux.Files.Paths.Open("/dev/null", Linux.Files.OpenFlags.O_RDONLY | Linux.Files.OpenFlags.O_CLOEXEC);
            (FileDescriptor read, FileDescriptor write) = Pipe.Create();
            int pid;
            using (read)
            {
                using (write)
                    pid = ChildProgram.Start("git", ["-c", "protocol.file.allow=never", "-c", "advice.detachedHead=false", "-C", root, .. arguments], nothing, write, write);

                output = ReadAll(read);
            }

            ProcessEnd end = ChildProcess.Reap(pid);
            output += end.Signaled ? $"\ngit ended by signal {end.Code}" : "";
            return end is { Code: 0, Signaled: false };
        }
        catch (LinuxException exception) when (exception.Errno == Errno.ENOENT)
        {
            throw ContextFolder.Failed("unable to find 'git': install it, or give a folder");
        }
    }

    // To its end, so that git is not held up; the first of it is kept.
    private static string ReadAll(FileDescriptor pipe)
    {
        using var kept = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (DescriptorIo.TryRead(pipe.Number, buffer, out int count) == Errno.None && count > 0)
            kept.Write(buffer, 0, (int)Math.Min(count, MostOfOutput - kept.Length));

        return Encoding.UTF8.GetString(kept.ToArray()).Trim();
    }
}
