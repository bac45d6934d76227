"""What mkdocs asks of us: generated parts in their places, pictures from results/ in the site."""

from mkdocs.structure.files import File

from implicitbias.pages import docs


def on_files(files, config):
    """The pictures that have been made are files of the site."""
    for address, path in docs.pictures().items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Generated parts; and pictures of results/published, which forges show by their own path."""
    return docs.expand(markdown).replace("../results/published/figures/", "figures/paper/")
